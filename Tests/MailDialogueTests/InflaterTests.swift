// Undoing COMPRESS=DEFLATE: the same octets for every split, bounded steps whatever the ratio, and no trap on what is no
// deflate stream.

import CZlib
import TestSupport
import Testing

@testable import MailDialogue

/// `octets` in a raw deflate stream, with a sync flush behind each piece as RFC 4978 §3 asks for.
func deflated(_ pieces: [[UInt8]]) -> [UInt8] {
    var stream = z_stream()
    guard mp_deflate_init(&stream) == Z_OK else { return [] }
    defer { deflateEnd(&stream) }
    var out: [UInt8] = []
    for piece in pieces {
        var source = piece
        source.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            repeat {
                out += [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                    stream.next_out = buffer.baseAddress
                    stream.avail_out = UInt32(buffer.count)
                    _ = deflate(&stream, Z_SYNC_FLUSH)
                    count = buffer.count - Int(stream.avail_out)
                }
            } while stream.avail_out == 0
        }
    }
    return out
}

@Suite struct InflaterTests {
    /// All that comes out, and whether the stream was found to be broken.
    private func inflate(_ pieces: [ArraySlice<UInt8>]) throws -> (octets: [UInt8], broken: Bool, most: Int) {
        var inflater = try #require(Inflater())
        var out: [UInt8] = []
        var most = 0
        for piece in pieces {
            inflater.append(piece)
            reading: while true {
                switch inflater.next() {
                case .octets(let octets):
                    out += octets
                    most = max(most, octets.count)
                case .needsMore: break reading
                case .broken: return (out, true, most)
                }
            }
        }
        return (out, false, most)
    }

    @Test func everySplitGivesTheSameOctets() throws {
        let text = [Array("a1 NOOP\r\n".utf8), Array("a2 UID FETCH 1:* (FLAGS)\r\n".utf8), [], Array("DONE\r\n".utf8)]
        let wire = deflated(text)
        for cut in wire.indices {
            let got = try inflate([wire[..<cut], wire[cut...]])
            #expect(got.octets == text.flatMap { $0 } && !got.broken, "cut before \(cut)")
        }
        let single = try inflate(wire.indices.map { wire[$0...$0] })
        #expect(single.octets == text.flatMap { $0 } && !single.broken)
    }

    @Test func aBombComesInBoundedSteps() throws {
        let wire = deflated([[UInt8](repeating: 65, count: 4_000_000)])
        #expect(wire.count < 20_000)
        let got = try inflate([wire[...]])
        #expect(got.octets.count == 4_000_000)
        #expect(got.most <= Inflater.step)
    }

    @Test func whatIsNoStreamIsBroken() throws {
        #expect(try inflate([Array("* OK plain text\r\n".utf8)[...]]).broken)
        // A stream that ends is none for RFC 4978: octets behind its end can't be read.
        #expect(try inflate([[0x03, 0x00, 0x41, 0x42][...]]).broken)
    }

    /// Where a stream has ended, and where that can't be told.
    @Test(
        arguments: [
            // A block of the fixed code with "a", then: nothing, the last block, a stored block, each with "b" behind.
            ([0x4A, 0x04, 0x00], .needsMore), ([0x4A, 0x04, 0x0C, 0x00, 0x62], .ended),
            ([0x4A, 0x04, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x62], .ended),
            ([0x4A, 0x04, 0x00, 0x00, 0x00, 0xFF, 0xFF], .needsMore),
            ([0x4A, 0x04, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x03, 0x00, 0x62], .ended),
            ([0x4A, 0x04, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x07], .broken),
            ([0x4A, 0x04, 0x00, 0x01, 0x00, 0xFE, 0xFF, 0x62], .octets([0x62])),
        ] as [([UInt8], Inflater.Ending)])
    func theEndIsCertainOrNot(_ wire: [UInt8], _ ending: Inflater.Ending) throws {
        for isWhole in [true, false] {
            var inflater = try #require(Inflater())
            var out: [UInt8] = []
            var found = Inflater.Ending.needsMore
            for piece in isWhole ? [wire[...]] : wire.indices.map({ wire[$0...$0] }) {
                inflater.append(piece)
                if out.isEmpty, case .octets(let octets) = inflater.next() { out = octets }
                if !out.isEmpty, found == .needsMore { found = inflater.end() }
            }
            #expect(out == [0x61])
            #expect(found == ending)
        }
    }

    @Test func aCopyGoesItsOwnWay() throws {
        let wire = deflated([Array("one\r\n".utf8), Array("two\r\n".utf8)])
        let half = wire.count / 2
        var first = try #require(Inflater())
        first.append(wire[..<half])
        while case .octets = first.next() {}
        var second = first
        #expect(first == second)
        func finish(_ inflater: inout Inflater) -> [UInt8] {
            var out: [UInt8] = []
            inflater.append(wire[half...])
            while case .octets(let octets) = inflater.next() { out += octets }
            return out
        }
        let rest = finish(&second)
        #expect(first != second)
        #expect(finish(&first) == rest)
        #expect(first == second)
    }

    @Test func randomOctetsNeverTrap() throws {
        var numbers = Numbers()
        for _ in 0..<2_000 {
            let octets = (0..<Int.random(in: 1..<200, using: &numbers)).map { _ in
                UInt8.random(in: .min ... .max, using: &numbers)
            }
            _ = try inflate([octets[...]])
        }
    }
}
