// The head of an HTTP/1.1 request (RFC 9112): as much of it as a page of figures needs. Bodies are not read.

/// The head of a request.
package struct HTTPRequest: Equatable, Sendable {
    /// Octets that a head may have; what is longer is refused with 431.
    package static let limit = 8_192

    package var method: String
    /// Without the query.
    package var path: String
    /// `HTTP/1.1`.
    package var version = "HTTP/1.1"
    /// The name in the Host field, without the port; nil when the field is missing, stands twice, or names none.
    package var host: String?
    /// There is no Host field.
    package var isWithoutHost = false
    /// There is a field that programs do not send, but browsers do for the pages that they show: Origin, or one of Sec-Fetch.
    package var isOfBrowser = false

    /// What a look at octets gave.
    package enum Reading: Equatable, Sendable {
        /// The head is not whole.
        case more
        case request(HTTPRequest)
        /// It can't be understood: the status to say so with.
        case bad(HTTPStatus)
    }

    /// Looks for a whole head in the octets of a client.
    package static func read(_ octets: some Collection<UInt8>) -> Reading {
        let head = octets.prefix(limit)
        guard let end = endOfHead(Array(head)) else { return octets.count >= limit ? .bad(.headTooLong) : .more }
        guard let text = String(validating: head.prefix(end), as: UTF8.self) else { return .bad(.badRequest) }
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, !words[0].isEmpty, words[1].hasPrefix("/"), words[2].hasPrefix("HTTP/1.") else {
            return .bad(.badRequest)
        }
        var hosts: [String] = []
        var isOfBrowser = false
        for line in lines.dropFirst() where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex,
                !line[..<colon].contains(where: { $0 == " " || $0 == "\t" })
            else { return .bad(.badRequest) }
            let name = line[..<colon].lowercased()
            if name == "origin" || name.hasPrefix("sec-fetch-") { isOfBrowser = true }
            guard name == "host" else { continue }
            hosts.append(String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }.trimmedEnd))
        }
        let path = words[1].prefix { $0 != "?" }
        return .request(
            HTTPRequest(
                method: String(words[0]), path: String(path), version: String(words[2]),
                host: hosts.count == 1 ? name(of: hosts[0]) : nil, isWithoutHost: hosts.isEmpty,
                isOfBrowser: isOfBrowser))
    }

    /// Octets before the empty line that ends the head.
    private static func endOfHead(_ octets: [UInt8]) -> Int? {
        guard octets.count >= 4 else { return nil }
        for index in 0...(octets.count - 4) where octets[index] == 13 {
            if octets[index + 1] == 10, octets[index + 2] == 13, octets[index + 3] == 10 { return index }
        }
        return nil
    }

    /// The host of `host [":" port]` (RFC 9110 §7.2); nil when it is none.
    private static func name(of field: String) -> String? {
        let end: String.Index
        let name: Substring
        if field.hasPrefix("["), let bracket = field.firstIndex(of: "]") {
            name = field[field.index(after: field.startIndex)..<bracket]
            end = field.index(after: bracket)
        } else {
            end = field.firstIndex(of: ":") ?? field.endIndex
            name = field[..<end]
        }
        let port = field[end...]
        guard port.isEmpty || (port.hasPrefix(":") && port.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }) else {
            return nil
        }
        return name.lowercased()
    }
}

/// The statuses that we answer with (RFC 9110 §15).
package enum HTTPStatus: Int, Sendable {
    case ok = 200
    case badRequest = 400
    case notFound = 404
    case notAllowed = 405
    case misdirected = 421
    case headTooLong = 431
    case unavailable = 503

    var reason: String {
        switch self {
        case .ok: "OK"
        case .badRequest: "Bad Request"
        case .notFound: "Not Found"
        case .notAllowed: "Method Not Allowed"
        case .misdirected: "Misdirected Request"
        case .headTooLong: "Request Header Fields Too Large"
        case .unavailable: "Service Unavailable"
        }
    }
}

/// An answer.
package struct HTTPResponse: Equatable, Sendable {
    package var status: HTTPStatus
    package var mediaType: String
    package var body: String

    package init(_ status: HTTPStatus, _ mediaType: String, _ body: String) {
        self.status = status
        self.mediaType = mediaType
        self.body = body
    }

    /// One that says its status only.
    package init(_ status: HTTPStatus, _ words: String? = nil) {
        self.init(status, "text/plain; charset=utf-8", "\(words ?? status.reason)\n")
    }

    /// As octets; the connection ends behind it.
    package func octets(withBody: Bool) -> [UInt8] {
        let body = Array(body.utf8)
        var head = "HTTP/1.1 \(status.rawValue) \(status.reason)\r\nContent-Type: \(mediaType)\r\n"
        head += "Content-Length: \(body.count)\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        if status == .notAllowed { head += "Allow: GET, HEAD\r\n" }
        head += "Connection: close\r\n\r\n"
        return Array(head.utf8) + (withBody ? body : [])
    }
}

extension Substring {
    /// Without spaces and tabs at the end.
    fileprivate var trimmedEnd: Substring {
        var text = self
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return text
    }
}
