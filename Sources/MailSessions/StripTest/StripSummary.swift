// What the tests of a time have shown, client by client: reports in, a row a client out.

import MailDialogue
import MailRecording

/// The results of clients.
package struct StripSummary: Sendable {
    /// A client program, and what is known of it.
    package struct Client: Sendable {
        package let address: IPAddress
        package let mailProtocol: MailProtocol
        package let isImplicit: Bool
        package fileprivate(set) var program: StripProgram
        /// The newest verdict of each vector; one that shows something before one that does not.
        package fileprivate(set) var results: [StripVector: StripReport] = [:]

        /// What a test has shown, seen beside the one in which nothing is wrong; nil when there was none.
        package func outcome(of vector: StripVector) -> StripOutcome? {
            let outcome = results[vector]?.outcome
            return results[.control]?.outcome.verdict == StripVerdict.none ? outcome?.doubted(in: vector) : outcome
        }

        /// It fell for one at least.
        package var fell: Bool { results.values.contains { $0.outcome.verdict == .fell } }

        /// What is known of the program, in words.
        package var text: String {
            let account = program.account.map { "account \($0)" }
            let hello = program.hello.map { "TLS \($0)" }
            return [program.name, account, hello].compactMap { $0 }.joined(separator: ", ")
        }

        /// A row of `strip-test show --json`.
        package var json: String {
            var json = JSONWriter()
            json.object { json in
                json.member("client", address.description)
                json.member("protocol", mailProtocol.rawValue)
                json.member("implicit_tls", isImplicit)
                json.member("name", program.name)
                json.member("hello", program.hello)
                json.member("account", program.account)
                json.member("fell", fell)
                json.array("tests") { json in
                    for vector in StripVector.all(for: mailProtocol, isImplicit: isImplicit) {
                        guard let report = results[vector], let outcome = outcome(of: vector) else { continue }
                        json.object { json in
                            json.member("vector", vector.rawValue)
                            json.member("verdict", outcome.verdict.rawValue)
                            json.member("evidence", outcome.evidence)
                            json.member("time", report.time)
                            json.member("session", report.session)
                        }
                    }
                }
            }
            return json.text
        }
    }

    /// In the order in which they were first seen.
    package private(set) var clients: [Client] = []

    package init() {}

    /// A report, the older first.
    package mutating func add(_ report: StripReport) {
        let place =
            clients.firstIndex { client in
                client.address == report.client && client.mailProtocol == report.mailProtocol
                    && client.isImplicit == report.isImplicit && client.program.mayBe(report.program)
            } ?? clients.count
        if place == clients.count {
            clients.append(
                Client(
                    address: report.client, mailProtocol: report.mailProtocol, isImplicit: report.isImplicit,
                    program: report.program))
        }
        clients[place].program.learn(report.program)
        let before = clients[place].results[report.vector]
        if report.outcome.verdict != .none || before == nil || before?.outcome.verdict == StripVerdict.none {
            clients[place].results[report.vector] = report
        }
    }
}
