// Routes with several upstreams: `smtp://127.0.0.1:1025=smtp://a.example.com,smtp://b.example.com?weight=2,fallback`.
//
// They are tried in the order in which they stand. Those with the same `priority=` (lower numbers first, as in RFC 2782) share the
// sessions by `weight=`. `fallback` at the end is where sessions go when none of the others can be reached.
//
// `imaps://127.0.0.1:1993=imaps://a.example.com?for=a.example.com,imaps://b.example.com?for=b.example.com,*.b.example.com`: under TLS from
// the first octet those with `for=` are for clients that ask for one of their names, those without for all others.

import MailDialogue
import MailRecording
import MailSessions

extension Route {
    /// Which part of the sessions of a route an upstream gets.
    package struct Rank: Equatable, Sendable {
        /// Lower numbers first; nil for the place in the list.
        package var priority: Int?
        /// Its share among those with the same priority.
        package var weight = 1
        /// One of them was written.
        var isWritten = false
        /// The names of clients under TLS that it is for; empty for all others.
        package var names: [ServerNamePattern] = []

        package init() {}

        /// Takes an option of an upstream. False when it is none of these.
        mutating func take(_ name: String, _ value: String, of route: String) throws(RouteError) -> Bool {
            switch name {
            case "priority":
                guard let number = Int(value), (0...1_000).contains(number) else {
                    throw RouteError(
                        route: route, reason: "'priority=\(value)' is no number from 0 to 1000",
                        advice: "write priority=0 for the first to be tried, and more for later ones")
                }
                priority = number
            case "weight":
                guard let number = Int(value), (1...1_000).contains(number) else {
                    throw RouteError(
                        route: route, reason: "'weight=\(value)' is no number from 1 to 1000",
                        advice: "write weight=2 for twice the sessions of weight=1")
                }
                weight = number
            case "for":
                for word in value.split(separator: ",", omittingEmptySubsequences: false) {
                    guard let name = ServerNamePattern(word) else {
                        throw RouteError(
                            route: route, reason: "'\(word)' in 'for' is no name of a host",
                            advice: "write names that clients ask for, such as mail.example.com or *.example.com")
                    }
                    names.append(name)
                }
                return true
            default: return false
            }
            isWritten = true
            return true
        }
    }

    /// The upstreams as they are written, one by one. A comma parts them where a scheme or `fallback` stands behind it.
    static func upstreams(in target: Substring) -> [Substring] {
        var found: [Substring] = []
        var start = target.startIndex
        var index = target.startIndex
        while let comma = target[index...].firstIndex(of: ",") {
            index = target.index(after: comma)
            let rest = target[index...]
            let word = rest.prefix { $0 != "," }
            let scheme = word.prefix { $0.isLetter || $0.isNumber }
            guard word == "fallback" || word[scheme.endIndex...].hasPrefix("://") else { continue }
            found.append(target[start..<comma])
            start = index
        }
        found.append(target[start...])
        return found
    }

    /// The routes to all upstreams of a list, the first of them with the others as its alternates.
    static func joined(_ routes: [Route], of text: String) throws(RouteError) -> Route {
        guard var first = routes.first else {
            throw RouteError(route: text, reason: "no upstream", advice: "write one")
        }
        guard routes.count > 1 else {
            if first.rank.isWritten {
                throw RouteError(
                    route: text, reason: "priority and weight are for routes with several upstreams",
                    advice: "leave them away, or write more upstreams, with commas between them")
            }
            return first
        }
        let ranks = routes.filter { $0.upstream != .fallback }.map(\.rank)
        guard ranks.allSatisfy({ $0.priority == nil && !$0.isWritten }) || ranks.allSatisfy({ $0.priority != nil })
        else {
            throw RouteError(
                route: text, reason: "some of its upstreams have a priority and some have none",
                advice: "write priority= for all of them; those with the same share sessions by weight=")
        }
        for (index, route) in routes.enumerated() {
            let isLast = index == routes.count - 1
            if route.upstream == .fallback, !isLast || index == 0 {
                throw RouteError(
                    route: text, reason: "'fallback' stands before other upstreams",
                    advice: "write it at the end: it never fails, so that none behind it is tried")
            }
            if route.upstream == .fallback, first.listenerTLS?.beginning == .ours(isRequired: true) {
                throw RouteError(
                    route: text, reason: "'tls=require' does not hold where the built-in server answers",
                    advice: "leave fallback away, or listen under TLS from the first octet")
            }
            // The client's leg is begun before it is known who will answer.
            if route.upstream != .fallback, route.listenerTLS?.beginning != first.listenerTLS?.beginning {
                throw RouteError(
                    route: text, reason: "its upstreams begin TLS in different ways",
                    advice: "write the same scheme and the same tls= for all of them")
            }
            // What clients may say of themselves is settled by then, too.
            if route.upstream != .fallback, route.introduction.means != first.introduction.means {
                throw RouteError(
                    route: text, reason: "some of its upstreams are told who the client is, and some are not",
                    advice: "write the same client-address= for all of them")
            }
            // Who may log in is known before it is known who will answer.
            if route.upstream != .fallback, route.credentials != first.credentials {
                throw RouteError(
                    route: text, reason: "its upstreams have different credentials",
                    advice: "write the same credentials= for all of them")
            }
            if index > 0 {
                var other = route
                other.ordinal = index
                first.alternates.append(other)
            }
        }
        return first
    }

    /// Names are known where a client begins with TLS, before its upstream is called.
    func checkNames(of text: String) throws(RouteError) {
        guard choices.contains(where: { !$0.rank.names.isEmpty }) else { return }
        let isImplicit = listenerTLS?.beginning == .implicit
        guard isImplicit || entrance?.tlsWait != nil else {
            throw RouteError(
                route: text, reason: "'for' is for clients that begin with TLS: the upstream greets before STARTTLS",
                advice: "listen under TLS from the first octet, or leave 'for' away")
        }
        guard isImplicit || choices.contains(where: { $0.rank.names.isEmpty }) else {
            throw RouteError(
                route: text, reason: "clients in clear ask for no name, and all of its upstreams have one",
                advice: "write one without 'for' too, or listen under TLS from the first octet")
        }
    }

    /// All upstreams in words.
    package var upstreamList: String { choices.map(\.upstreamText).joined(separator: ", ") }

    /// All upstreams, in the order in which they stand.
    package var choices: [Route] { [self] + alternates }
}
