// What a route says of strip tests: `?tls=strip-test&strip-interval=3` on its listener.

import MailDialogue

extension Route {
    /// How clients are put to the test.
    package struct StripSettings: Equatable, Sendable {
        /// One connection of so many of a client is a test, until all tests are through; the others are served.
        package var interval = 1

        package init(interval: Int = 1) { self.interval = interval }
    }

    /// All that begins on the listener and puts clients to the test; empty for most routes.
    package var stripTests: [Route] { (choices + variants).filter { $0.stripTest != nil } }
}

/// The options of a listener that say how its clients are tested.
struct StripOptions {
    private var interval: Int?

    /// Takes an option. False when it is none of these.
    mutating func take(_ name: String, _ value: String, of route: String) throws(RouteError) -> Bool {
        guard name == "strip-interval" else { return false }
        guard let number = Int(value), (1...1_000).contains(number) else {
            throw RouteError(
                route: route, reason: "'strip-interval=\(value)' is no number from 1 to 1000",
                advice: "write strip-interval=1 for a test with each connection, strip-interval=3 for each third one")
        }
        interval = number
        return true
    }

    /// All of it; nil when nobody is tested.
    /// - Parameters:
    ///   - isAsked: the route's mode is `strip-test`.
    ///   - isMinted: certificates are made for each name.
    func settings(
        of route: String, _ mailProtocol: MailProtocol, isAsked: Bool, isMinted: Bool
    ) throws(RouteError) -> Route.StripSettings? {
        guard isAsked else {
            guard interval == nil else {
                throw RouteError(
                    route: route, reason: "'strip-interval' says how often clients are tested, and they are not",
                    advice: "add tls=strip-test, or leave it away")
            }
            return nil
        }
        guard isMinted else {
            throw RouteError(
                route: route, reason: "'tls=strip-test' shows certificates of its own, which are wrong on purpose",
                advice: "leave cert and key away, and let the clients trust the authority of 'mailproxy ca'")
        }
        // A listener of all protocols is not for LMTP alone: there its sessions are served.
        guard mailProtocol != .lmtp else {
            guard EntranceOptions.kind(of: route) == nil else { return nil }
            throw RouteError(
                route: route, reason: "there is no strip test of LMTP, which is spoken between servers of one house",
                advice: "leave tls=strip-test away")
        }
        return Route.StripSettings(interval: interval ?? 1)
    }
}
