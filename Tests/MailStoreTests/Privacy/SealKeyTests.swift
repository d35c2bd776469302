// Secrets that are sealed: they open with their key, unchanged, and where they were put; keys are never overwritten.

import Foundation
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

@Suite struct SealKeyTests {
    private let secret = SecretBytes(Array("PASS correct horse\r\n".utf8))

    private func sealed(_ key: SealPrivateKey) throws -> SealedSecret {
        try #require(key.publicKey.seal(secret, session: "s", leg: .client, side: .client, octets: 20))
    }

    @Test func whatIsSealedOpensWithItsKeyAlone() throws {
        let key = SealPrivateKey()
        let box = try sealed(key)
        #expect(key.open(box) == Array("PASS correct horse\r\n".utf8))
        #expect(SealPrivateKey().open(box) == nil)
        #expect(!box.box[...].text.contains("horse"))
        // Nothing tells that two are the same.
        let again = try sealed(key)
        #expect(again.box != box.box && again.encapsulated != box.encapsulated)
        var moved = box
        moved.session = "t"
        #expect(key.open(moved) == nil)
        moved = box
        moved.side = .server
        #expect(key.open(moved) == nil)
        moved = box
        moved.leg = .server
        #expect(key.open(moved) == nil)
        moved = box
        moved.octets = 19
        #expect(key.open(moved) == nil)
        for index in box.box.indices {
            var changed = box
            changed.box[index] ^= 1
            #expect(key.open(changed) == nil)
        }
        var cut = box
        cut.box.removeLast()
        #expect(key.open(cut) == nil)
        cut.encapsulated = []
        #expect(key.open(cut) == nil)
    }

    @Test func aCommentHoldsIt() throws {
        let box = try sealed(SealPrivateKey())
        let comment = RecordComment.sealed(box)
        #expect(RecordComment(comment.text) == comment)
        #expect(RecordComment(#"{"mailproxy":1,"session":"s","side":"client","sealed":{"octets":0}}"#) == nil)
        let huge = comment.text.replacingOccurrences(of: "\"octets\":20", with: "\"octets\":99999999999")
        #expect(RecordComment(huge) == nil)
    }

    /// A packet gets its octets back, with a checksum that holds; one that has no room stays as it is.
    @Test(arguments: [false, true], [false, true])
    func aPacketGetsItsOctetsBack(_ isIPv6: Bool, isFramed: Bool) throws {
        let key = SealPrivateKey()
        let box = try sealed(key)
        let address: IPAddress = isIPv6 ? .v6(1, 2) : .v4(0x7F00_0001)
        func packet(_ text: String) -> [UInt8] {
            var synthesizer = PacketSynthesizer(
                client: SocketAddress(ip: address, port: 1), server: SocketAddress(ip: address, port: 110))
            _ = synthesizer.open()
            let frame = synthesizer.data(from: .client, Array(text.utf8)[...])[0]
            return isFramed ? frame : Array(frame.dropFirst(14))
        }
        func restore(_ bytes: [UInt8]) -> (CaptureRecord, [SecretRestorer.Trouble]) {
            let record = CaptureRecord(
                index: 1, time: 1, linkType: isFramed ? 1 : 101, bytes: bytes[...],
                comments: ["a person's", RecordComment.sealed(box).text])
            var troubles: [SecretRestorer.Trouble] = []
            let restored = SecretRestorer.restore(record, key: key.publicKey.id, open: key.open) { troubles.append($1) }
            return (restored, troubles)
        }
        let (restored, troubles) = restore(packet("PASS *************\r\n"))
        #expect(Array(restored.bytes) == packet("PASS correct horse\r\n"))
        #expect(restored.comments == ["a person's"])
        #expect(troubles.isEmpty)
        let short = packet("PASS *\r\n")
        #expect(Array(restore(short).0.bytes) == short)
        #expect(restore(short).1 == [.damaged])
        #expect(restore([]).1 == [.damaged])
        #expect(restore([0x4F]).1 == [.damaged])
        let other = SecretRestorer.restore(
            CaptureRecord(index: 1, time: 1, linkType: 101, bytes: [], comments: [RecordComment.sealed(box).text]),
            key: "other", open: { _ in [] }, told: { #expect($1 == .otherKey(key.publicKey.id)) })
        #expect(other.comments.count == 1)
    }

    @Test func keysAreFilesOfTheirOwnerAndNeverOverwritten() throws {
        let directory = NSTemporaryDirectory() + "seal-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let key = SealPrivateKey()
        try SealKeyFile.create(key, in: directory)
        let path = SealKeyFile.privatePath(in: directory)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let read = try SealPrivateKey(path: path)
        #expect(read.publicKey == key.publicKey)
        #expect(try SealPublicKey(path: SealKeyFile.publicPath(in: directory)) == key.publicKey)
        let before = try String(contentsOfFile: path, encoding: .utf8)
        #expect(throws: SealKeyError.self) { try SealKeyFile.create(SealPrivateKey(), in: directory) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == before)
        #expect(throws: SealKeyError.self) { try SealKeyFile.write("x", to: path) }
        // The halves are not mistaken for each other, and nobody else may read the private one.
        #expect(throws: SealKeyError.self) { try SealPublicKey(path: path) }
        #expect(throws: SealKeyError.self) { try SealPrivateKey(path: SealKeyFile.publicPath(in: directory)) }
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let flaw = #expect(throws: SealKeyError.self) { try SealPrivateKey(path: path) }
        #expect(flaw?.reason.contains("chmod 600") == true)
        #expect(throws: SealKeyError.self) { try SealPrivateKey(path: directory + "/none") }
    }
}
