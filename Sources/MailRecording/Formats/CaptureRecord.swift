// What a capture file holds: packets with their place, time and interface, and what may be wrong with the file.

/// A packet of a capture file.
package struct CaptureRecord: Equatable, Sendable {
    /// The number of the packet in the file, from 1, as Wireshark's `frame.number`.
    package var index: Int
    /// Microseconds since 1970; 0 where the file has no time (simple packet blocks).
    package var time: Int64
    /// Nanoseconds beyond `time`, 0 to 999.
    package var fraction: Int
    /// The interface within its section, from 0; 0 in classic pcap.
    package var interface: Int
    /// The LINKTYPE_ number of the interface.
    package var linkType: UInt32
    /// The octets that were captured.
    package var bytes: ArraySlice<UInt8>
    /// The octets the packet had on the wire: more than `bytes` when the snap length cut it.
    package var originalLength: Int
    /// Comments of the packet (opt_comment), each valid UTF-8 after repair.
    package var comments: [String]
    /// Where in the file the packet's block or record begins.
    package var offset: Int

    package init(
        index: Int, time: Int64, fraction: Int = 0, interface: Int = 0, linkType: UInt32, bytes: ArraySlice<UInt8>,
        originalLength: Int? = nil,
        comments: [String] = [], offset: Int = 0
    ) {
        self.index = index
        self.time = time
        self.fraction = fraction
        self.interface = interface
        self.linkType = linkType
        self.bytes = bytes
        self.originalLength = originalLength ?? bytes.count
        self.comments = comments
        self.offset = offset
    }

    /// Nanoseconds since 1970; beyond the years 1677 to 2262 at the limit.
    @inline(__always)
    package var nanoseconds: Int64 { NanosecondTime.of(time, fraction) }
}

/// An interface that a capture file describes.
package struct CaptureInterface: Equatable, Sendable {
    package var linkType: UInt32
    /// The longest packet that was kept; 0 when there was no limit.
    package var snapLength: Int
    package var name: String
    package var details: String
    /// Resolution of times (if_tsresol): 10^-n seconds, or 2^-n when the highest bit is set.
    package var resolution: UInt8
    /// Seconds to add to times (if_tsoffset).
    package var timeOffset: Int64
    /// Packets received and dropped, of the last interface statistics block.
    package var received: UInt64 = 0
    package var dropped: UInt64 = 0

    /// Microseconds since 1970 for a time in the interface's units, and the nanoseconds beyond them. Beyond what 64 bits hold it stays
    /// at the limit.
    func time(_ ticks: UInt64) -> (microseconds: Int64, fraction: Int) {
        let time: Int64
        var fraction = 0
        if resolution == 6 {
            time = Int64(clamping: ticks)
        } else if resolution == 9 {
            time = Int64(clamping: ticks / 1_000)
            fraction = Int(truncatingIfNeeded: ticks % 1_000)
        } else {
            let scaled = nanoseconds(ticks)
            time = Int64(clamping: scaled / 1_000)
            fraction = Int(truncatingIfNeeded: scaled % 1_000)
        }
        guard timeOffset != 0 else { return (time, fraction) }
        let (offset, tooFar) = timeOffset.multipliedReportingOverflow(by: 1_000_000)
        guard !tooFar else { return (timeOffset < 0 ? Int64.min : Int64.max, 0) }
        let (sum, overflow) = time.addingReportingOverflow(offset)
        return overflow ? (Int64.max, 0) : (sum, fraction)
    }

    /// Nanoseconds for a time in the interface's units, where these are no nanoseconds. What is finer is cut off.
    private func nanoseconds(_ ticks: UInt64) -> UInt128 {
        if resolution & 0x80 != 0 { return (UInt128(ticks) * 1_000_000_000) >> UInt128(resolution & 0x7F) }
        var scaled = UInt128(ticks)
        if resolution > 9 {
            for _ in 9..<min(resolution, 32) { scaled /= 10 }
        } else {
            for _ in resolution..<9 { scaled *= 10 }
        }
        return scaled
    }
}

/// Secrets with which packets of the file can be decrypted. They never print.
package struct CaptureSecrets: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    /// The lines of an NSS key log, as SSLKEYLOGFILE has them ("TLSK").
    package static let tlsKeyLog: UInt32 = 0x544C_534B

    package let kind: UInt32
    /// What the block holds, of the form that `kind` says.
    package let octets: [UInt8]

    package init(kind: UInt32, octets: [UInt8]) {
        self.kind = kind
        self.octets = octets
    }

    package var description: String { "<secrets>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What is wrong with a capture file, and where. Packets before that place were delivered.
package struct CaptureFormatError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The file begins with no known magic number.
        case notACapture = "not-a-capture"
        /// The file ends within a header, a packet or a block.
        case truncated
        /// A version of the format that nobody defined.
        case unsupportedVersion = "unsupported-version"
        /// A length that contradicts the format or the lengths around it.
        case badLength = "bad-length"
        /// A packet or block beyond ``CaptureFileReader/largestBlock``.
        case tooLarge = "too-large"
        /// A pcapng byte-order magic that is none.
        case badByteOrder = "bad-byte-order"
        /// A packet of an interface that was not described.
        case unknownInterface = "unknown-interface"
        /// What the file is packed with cannot be unpacked.
        case badPacking = "bad-packing"
        /// More interfaces in a section than any tool makes.
        case tooManyInterfaces = "too-many-interfaces"
    }

    package var code: Code
    /// Offset in the file, in octets.
    package var offset: Int
    /// What is wrong, as a clause.
    package var text: String

    package init(_ code: Code, at offset: Int, _ text: String) {
        self.code = code
        self.offset = offset
        self.text = text
    }

    package var description: String { "\(text) (at offset \(offset))" }
}
