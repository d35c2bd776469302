// Comments of recordings: the text that others build on, and reading it back.

import MailDialogue
import Testing

@testable import MailRecording

@Suite struct RecordCommentTests {
    static let info = SessionInfo(
        id: "20261123T080000-0001", mailProtocol: .imap, start: 1_795_420_800_000_250,
        client: IPEndpoint(IPAddress(v4: 0xC000_0201), 50000),
        server: IPEndpoint(IPAddress(high: 0x2001_0DB8_0000_0000, low: 1), 1143),
        upstream: IPEndpoint(IPAddress(v4: 0xC000_0202), 993),
        route: "imap://127.0.0.1:1143=imaps://mail.example.com")

    static let closing: RecordComment.Closing = {
        var summary = SessionSummary(info: info)
        summary.end = .closed
        summary.user = "tim@example.com"
        summary.tags = ["a\"b", "blocked"]
        summary.opaque = .tls
        summary.exchanges = 7
        return RecordComment.Closing(summary)
    }()

    static let secured: SessionInfo = {
        var info = Self.info
        info.tls = TLSLeg(version: "TLSv1.3", cipher: "C", serverName: "a.example", how: .implicit)
        info.isInflated = true
        info.upstreamTLS = TLSLeg(version: "TLSv1.2", cipher: "D", serverName: nil, how: .starttls, distrust: "old")
        return info
    }()

    @Test func tlsIsAsDocumented() {
        #expect(
            RecordComment.opened(Self.secured, leg: .client, isContinued: false).text.contains(
                #""upstream":"192.0.2.2:993","tls":{"version":"TLSv1.3","cipher":"C","sni":"a.example","how":"implicit"},"upstream_tls":{"version":"TLSv1.2","cipher":"D","sni":null,"how":"starttls","distrust":"old"},"inflated":true,"start""#
            ))
    }

    @Test func textIsAsDocumented() {
        #expect(
            RecordComment.opened(Self.info, leg: .client, isContinued: false).text
                == #"{"mailproxy":1,"session":"20261123T080000-0001","protocol":"imap","route":"imap://127.0.0.1:1143=imaps://mail.example.com","client":"192.0.2.1:50000","server":"[2001:db8::1]:1143","upstream":"192.0.2.2:993","start":1795420800000250}"#
        )
        #expect(
            RecordComment.closed(Self.closing).text
                == #"{"mailproxy":1,"session":"20261123T080000-0001","end":"closed","user":"tim@example.com","tags":["a\"b","blocked"],"opaque":"tls","exchanges":7}"#
        )
        #expect(
            RecordComment.changed(session: "x", exchange: 3, rules: ["no-programs"]).text
                == #"{"mailproxy":1,"session":"x","exchange":3,"changed":["no-programs"]}"#)
        #expect(
            RecordComment.unseen(session: "x", side: .server, .opaque(.compress)).text
                == #"{"mailproxy":1,"session":"x","side":"server","opaque":"compress"}"#)
    }

    @Test(arguments: [
        RecordComment.opened(info, leg: .client, isContinued: false), .opened(info, leg: .server, isContinued: true),
        .opened(secured, leg: .client, isContinued: false),
        .closed(closing), .changed(session: "x", exchange: 0, rules: []),
        .unseen(session: "x", side: .client, .opaque(.compress)), .unseen(session: "x", side: .server, .haste),
        .unseen(session: "x", side: .server, .clear),
        .lost(RecordComment.Loss(octets: 5, packets: 2, from: 1, to: 9)),
    ])
    func readsBack(_ comment: RecordComment) {
        #expect(RecordComment(comment.text) == comment)
    }

    @Test(arguments: [
        "", "a remark", "{}", #"{"mailproxy":2,"session":"x","end":"closed"}"#, #"{"mailproxy":1}"#,
        #"{"mailproxy":1,"session":"","end":"closed"}"#, #"{"mailproxy":1,"session":"x","end":"perhaps"}"#,
        #"{"mailproxy":1,"session":"x","protocol":"http","start":1}"#,
        #"{"mailproxy":1,"session":"x","protocol":"imap","start":1,"client":"x","server":"192.0.2.1:1"}"#,
        #"{"mailproxy":1,"lost":{"octets":1}}"#, #"{"mailproxy":1,"session":"x","side":"both","opaque":"compress"}"#,
    ])
    func refuses(_ text: String) {
        #expect(RecordComment(text) == nil)
    }
}
