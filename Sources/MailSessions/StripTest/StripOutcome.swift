// What a strip test has shown of a client, and who the client is.

import MailDialogue
import MailRecording

/// What a client did.
package enum StripVerdict: String, Sendable, Hashable, CaseIterable {
    /// It gave away a secret or mail.
    case fell
    /// It came to the point of the test and gave nothing away.
    case withstood
    /// It gave nothing away, and does not come to TLS when nothing is wrong either.
    case inconclusive
    /// It did not come to that point, or what it did has other reasons.
    case none
}

/// A verdict and what it rests on.
package struct StripOutcome: Equatable, Sendable {
    package var verdict: StripVerdict
    /// What the client did, in a few words. Never a secret.
    package var evidence: String

    package init(_ verdict: StripVerdict, _ evidence: String) {
        self.verdict = verdict
        self.evidence = evidence
    }

    /// The same of a client that did not come to TLS in the session in which nothing was wrong.
    func doubted(in vector: StripVector) -> StripOutcome {
        guard verdict == .withstood, vector != .control else { return self }
        return StripOutcome(.inconclusive, "\(evidence); it does not come to TLS when nothing is wrong either")
    }
}

/// What is known of a client program beside its address. Parts that were not seen are nil.
package struct StripProgram: Equatable, Sendable {
    /// The name of EHLO, HELO or ID.
    package var name: String?
    /// A digest of what its TLS offers; the same for the same program.
    package var hello: String?
    /// The account that it logged in with, or tried to.
    package var account: String?

    package init(name: String? = nil, hello: String? = nil, account: String? = nil) {
        self.name = name
        self.hello = hello
        self.account = account
    }

    /// Both may be the same program: nothing that is known of both differs.
    func mayBe(_ other: StripProgram) -> Bool {
        func fits(_ mine: String?, _ theirs: String?) -> Bool { mine == nil || theirs == nil || mine == theirs }
        return fits(name, other.name) && fits(hello, other.hello) && fits(account, other.account)
    }

    /// With what is known of the other.
    mutating func learn(_ other: StripProgram) {
        name = name ?? other.name
        hello = hello ?? other.hello
        account = account ?? other.account
    }
}

/// A test that is over: a line of `strip-test.jsonl`, of which programs may read every member.
package struct StripReport: Equatable, Sendable {
    /// When the test was over (RFC 3339).
    package var time: String
    package var session: String
    package var route: String
    package var client: IPAddress
    package var mailProtocol: MailProtocol
    /// The client begins with TLS.
    package var isImplicit: Bool
    package var vector: StripVector
    package var outcome: StripOutcome
    package var program: StripProgram

    /// - Parameter time: microseconds since 1970.
    package init(
        _ info: SessionInfo, _ vector: StripVector, _ outcome: StripOutcome, _ program: StripProgram, isImplicit: Bool,
        time: Int64
    ) {
        self.time = Timestamp.rfc3339(time)
        session = info.id
        route = info.route
        client = info.client.ip
        mailProtocol = info.mailProtocol
        self.isImplicit = isImplicit
        self.vector = vector
        self.outcome = outcome
        self.program = program
    }

    /// The line, without its end.
    package var json: String {
        var json = JSONWriter()
        json.object { json in
            json.member("time", time)
            json.member("session", session)
            json.member("route", route)
            json.member("client", client.description)
            json.member("protocol", mailProtocol.rawValue)
            json.member("implicit_tls", isImplicit)
            json.member("name", program.name)
            json.member("hello", program.hello)
            json.member("account", program.account)
            json.member("vector", vector.rawValue)
            json.member("verdict", outcome.verdict.rawValue)
            json.member("evidence", outcome.evidence)
        }
        return json.text
    }

    /// Reads a line. Nil when it is none of ours.
    package init?(line: String) {
        guard let json = JSONValue(parsing: line),
            let time = json["time"]?.string, let session = json["session"]?.string, let route = json["route"]?.string,
            let client = json["client"]?.string.flatMap({ IPAddress($0) }),
            let mailProtocol = json["protocol"]?.string.flatMap(MailProtocol.init(rawValue:)),
            let isImplicit = json["implicit_tls"]?.bool,
            let vector = json["vector"]?.string.flatMap(StripVector.init(rawValue:)),
            let verdict = json["verdict"]?.string.flatMap(StripVerdict.init(rawValue:)),
            let evidence = json["evidence"]?.string
        else { return nil }
        self.time = time
        self.session = session
        self.route = route
        self.client = client
        self.mailProtocol = mailProtocol
        self.isImplicit = isImplicit
        self.vector = vector
        outcome = StripOutcome(verdict, evidence)
        program = StripProgram(
            name: json["name"]?.string, hello: json["hello"]?.string, account: json["account"]?.string)
    }
}
