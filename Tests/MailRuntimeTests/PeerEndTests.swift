// What a stream that is not read says of the other end.

import Glibc
import MailRecording
import MailTLS
import Testing

@testable import MailRuntime

/// Takes no notice.
private final class Nobody: StreamOwner {
    func connected(_ stream: Stream) {}
    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream) {}
    func ended(_ stream: Stream) {}
    func drained(_ stream: Stream) {}
    func failed(_ stream: Stream, _ error: SystemError) {}
    func secured(_ stream: Stream, _ tls: TLSConnection) {}
    func needsCertificate(_ stream: Stream, _ tls: TLSConnection) {}
}

@Suite("What the peer of a paused stream has done")
struct PeerEndTests {
    /// The end of a peer, as a stream sees it that may have ended its own side before.
    private func end(endsFirst: Bool, _ acts: (borrowing Peer) -> Void) throws -> Stream.PeerEnd {
        let listener = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        defer { listener.closeDescriptor() }
        let descriptor = try listener.address.connectSocket()
        let peer = try #require(Peer(from: listener))
        let owner = Nobody()
        let stream = Stream(descriptor, on: try EventLoop(), owner: owner)
        defer { stream.close() }
        if endsFirst {
            stream.endOutput()
            #expect(peer.readAll().error == 0)
        }
        acts(peer)
        for _ in 0..<12_000 where stream.peerEnd == .none { poll(nil, 0, 5) }
        return stream.peerEnd
    }

    @Test("an orderly end leaves what was said before to be read, also behind our own end", arguments: [false, true])
    func ends(first: Bool) throws {
        #expect(
            try end(endsFirst: first) {
                $0.send("unread")
                $0.end()
            } == .ended(isSilent: false))
        #expect(try end(endsFirst: first) { $0.end() } == .ended(isSilent: true))
    }

    @Test("a reset is no end", arguments: [false, true])
    func resets(first: Bool) throws {
        #expect(
            try end(endsFirst: first) {
                $0.send("lost")
                $0.reset()
            } == .gone)
    }
}
