// The heads of requests for figures, and the page of figures itself.

import Testing

@testable import MailRuntime

@Suite struct HTTPRequestTests {
    private func read(_ text: String) -> HTTPRequest.Reading { HTTPRequest.read(Array(text.utf8)) }

    @Test(arguments: [
        ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9125\r\n\r\n", "GET", "/metrics", "127.0.0.1"),
        ("HEAD / HTTP/1.0\r\nhost:\tlocalhost \r\nX: y\r\n\r\nrest", "HEAD", "/", "localhost"),
        ("GET /metrics?a=b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET", "/metrics", "::1"),
    ])
    func heads(_ text: String, _ method: String, _ path: String, _ host: String) {
        let version = text.contains("HTTP/1.0") ? "HTTP/1.0" : "HTTP/1.1"
        #expect(read(text) == .request(HTTPRequest(method: method, path: path, version: version, host: host)))
        // Not before it is whole.
        let end = Array(text.utf8).firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? 0
        for count in 0..<end { #expect(HTTPRequest.read(Array(text.utf8.prefix(count))) == .more) }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: [::1]evil.example\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost:evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ])
    func aHostThatIsNotOneIsNone(_ text: String) {
        #expect(read(text) == .request(HTTPRequest(method: "GET", path: "/", host: nil)))
    }

    @Test func noHostAndWhoSendsSuch() {
        var wanted = HTTPRequest(method: "GET", path: "/", version: "HTTP/1.0", host: nil, isWithoutHost: true)
        #expect(read("GET / HTTP/1.0\r\n\r\n") == .request(wanted))
        wanted.isOfBrowser = true
        #expect(read("GET / HTTP/1.0\r\nORIGIN: null\r\n\r\n") == .request(wanted))
        #expect(read("GET / HTTP/1.0\r\nSec-Fetch-Mode: cors\r\n\r\n") == .request(wanted))
    }

    @Test(arguments: [
        "\r\n\r\n", "GET\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET x HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", " / HTTP/1.1\r\n\r\n",
    ])
    func noRequests(_ text: String) { #expect(read(text) == .bad(.badRequest)) }

    @Test func octetsThatAreNoText() { #expect(HTTPRequest.read([0xFF, 13, 10, 13, 10]) == .bad(.badRequest)) }

    @Test func aHeadWithoutEndIsRefused() {
        let octets = [UInt8](repeating: 65, count: HTTPRequest.limit)
        #expect(HTTPRequest.read(octets.dropLast()) == .more)
        #expect(HTTPRequest.read(octets) == .bad(.headTooLong))
    }

    @Test func anAnswer() {
        let answer = String(decoding: HTTPResponse(.notAllowed).octets(withBody: true), as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
        #expect(answer.contains("\r\nAllow: GET, HEAD\r\n") && answer.contains("\r\nContent-Length: 19\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nMethod Not Allowed\n"))
        #expect(HTTPResponse(.ok).octets(withBody: false).suffix(4) == [13, 10, 13, 10])
    }

    @Test func aPageOfFigures() {
        var page = MetricsPage()
        page.begin("a_total", .counter, "Back\\slash\nand line")
        page.sample(3, [("route", "a\"b\\c\nd"), ("x", "")])
        page.begin("b", .gauge, "Plain")
        page.sample(0.5)
        page.sample(Double.nan)
        #expect(
            page.text == """
                # HELP a_total Back\\\\slash\\nand line
                # TYPE a_total counter
                a_total{route="a\\"b\\\\c\\nd",x=""} 3
                # HELP b Plain
                # TYPE b gauge
                b 0.5

                """)
    }
}
