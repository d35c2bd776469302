// A message that is read and judged while it passes, in pieces of any size, in memory that its size does not change.

/// Reads a message in pieces. What comes of it does not depend on how it was cut.
package struct MessageInspector {
    private var scanner: StructureScanner

    package init(limits: MessageLimits = MessageLimits()) {
        scanner = StructureScanner(isJudging: true, limits: limits)
    }

    /// Octets that came so far.
    package private(set) var size = 0

    /// Takes the next octets of the message.
    package mutating func feed(_ piece: ArraySlice<UInt8>) {
        size += piece.count
        scanner.feed(piece)
    }

    /// The message is over.
    /// - Parameter isComplete: nothing is missing at its end; else its end is not judged, nor what is missing in it.
    package mutating func finish(isComplete: Bool = true) -> MessageReport {
        scanner.finish(isComplete: isComplete)
        let judge = scanner.judge
        return MessageReport(
            structure: MessageStructure(parts: scanner.parts, size: size), flaws: judge.book.flaws,
            isComplete: isComplete, kept: judge.kept, keptRanges: judge.keptRanges, decodedSizes: judge.decodedSizes,
            files: judge.files)
    }

    /// Reads a message that is there as a whole.
    package static func inspect(_ message: [UInt8], limits: MessageLimits = MessageLimits()) -> MessageReport {
        var inspector = MessageInspector(limits: limits)
        inspector.feed(message[...])
        return inspector.finish()
    }
}

/// What a message is.
package struct MessageReport: Equatable, Sendable {
    package let structure: MessageStructure
    /// What is wrong with it, each flaw once, in the order of their first places.
    package let flaws: [FoundFlaw]
    /// Nothing was missing at its end.
    package let isComplete: Bool
    fileprivate let kept: [UInt8]
    fileprivate let keptRanges: [Int: Range<Int>]
    fileprivate let decodedSizes: [Int: Int]
    /// Files that stand uuencoded in text parts.
    package let files: [UUFile]

    fileprivate init(
        structure: MessageStructure, flaws: [FoundFlaw], isComplete: Bool, kept: [UInt8], keptRanges: [Int: Range<Int>],
        decodedSizes: [Int: Int], files: [UUFile]
    ) {
        self.structure = structure
        self.flaws = flaws
        self.isComplete = isComplete
        self.kept = kept
        self.keptRanges = keptRanges
        self.decodedSizes = decodedSizes
        self.files = files
    }

    /// Octets of the message.
    package var size: Int { structure.size }

    /// The fields of the message.
    package var header: HeaderBlock { HeaderBlock(header(ofPart: 0)) }

    /// The header section of a message: that of the root, or of one within it. As much of it as was kept; empty for other parts.
    package func header(ofPart number: Int) -> ArraySlice<UInt8> {
        keptRanges[number].map { kept[$0] } ?? []
    }

    /// The envelope of the message.
    package var envelope: Envelope { Envelope(header) }

    /// BODYSTRUCTURE, or BODY, which has no extension data (RFC 9051 §7.5.2).
    package func imapStructure(isExtended: Bool) -> [UInt8] {
        let numbers = Dictionary(
            structure.parts.enumerated().map { ($0.element.header.lowerBound, $0.offset) }, uniquingKeysWith: { $1 })
        return structure.imapBytes(isExtended: isExtended) { part in
            numbers[part.header.lowerBound].map { header(ofPart: $0) } ?? []
        }
    }

    /// Octets that the body of a part stands for, its transfer encoding undone.
    package func decodedSize(ofPart number: Int) -> Int {
        guard structure.parts.indices.contains(number) else { return 0 }
        return decodedSizes[number] ?? structure.parts[number].size
    }

    /// The attachments in the order of their places.
    package var attachments: [Attachment] {
        var found: [Attachment] = []
        var rest = files[...]
        for (number, part) in structure.parts.enumerated() {
            if let attachment = Attachment(part, number: number, decodedSize: decodedSize(ofPart: number)) {
                found.append(attachment)
            }
            while let file = rest.first, file.part == number {
                found.append(Attachment(file))
                rest.removeFirst()
            }
        }
        return found
    }
}
