// The files that messages carry, decoded: by the names that the senders gave, as far as these are safe, or by their hashes.

import CLinux
import Crypto
import Glibc
import MailDialogue
import MailMessage
import MailRecording

/// How files of attachments are called.
enum AttachmentNaming: String, CaseIterable {
    case name, hash
}

/// Which attachments are wanted.
struct AttachmentChoice {
    /// `application/pdf`, `image/*`; nil for all.
    var type: String?
    /// A pattern of a shell for the name; nil for all.
    var name: String?
    /// The first digits of the SHA-256; nil for all.
    var hash: String?

    func wants(type given: String, name given2: String) -> Bool {
        if let type {
            let wanted = type.lowercased()
            guard wanted.hasSuffix("/*") ? given.hasPrefix(wanted.dropLast()) : given == wanted else { return false }
        }
        if let name { return fnmatch(name, given2, 0) == 0 }
        return true
    }

    func wants(hash given: String) -> Bool { hash.map { given.hasPrefix($0.lowercased()) } ?? true }
}

/// Writes the attachments of messages to a directory.
final class AttachmentFiles: MessageTarget {
    let directory: String
    private let naming: AttachmentNaming
    private let choice: AttachmentChoice
    private let writesJSON: Bool
    private(set) var count = 0
    /// The numbers that names have come to.
    private var numbers: [String: Int] = [:]

    init(_ directory: String, naming: AttachmentNaming, choice: AttachmentChoice, json: Bool) throws {
        try OutputFile.makeDirectory(directory)
        self.directory = directory
        self.naming = naming
        self.choice = choice
        writesJSON = json
    }

    func take(_ message: ExportedMessage) throws -> String {
        var inspector = MessageInspector()
        try message.octets.read { inspector.feed($0) }
        let report = inspector.finish(isComplete: message.record.complete)
        for attachment in report.attachments {
            let fallback = "part-\(Self.path(of: attachment.part, in: report.structure))"
            let name = SafeFileName.of(attachment.filename ?? "", fallback: fallback)
            guard choice.wants(type: attachment.mediaType, name: name) else { continue }
            let spill = Spill(in: directory)
            var decoder = attachment.decoder
            var hash = SHA256()
            var decoded: [UInt8] = []
            func pass() throws {
                decoded.withUnsafeBytes { hash.update(bufferPointer: $0) }
                try spill.append(decoded[...])
                decoded.removeAll(keepingCapacity: true)
            }
            try message.octets.read(attachment.range) { piece in
                decoder.feed(piece, into: &decoded)
                try pass()
            }
            decoder.finish(into: &decoded)
            try pass()
            let digest = Hex.text(hash.finalize())
            guard choice.wants(hash: digest) else { continue }
            count += 1
            let file = try publish(spill, name, digest)
            tell(attachment, message, Self.path(of: attachment.part, in: report.structure), digest, spill.count, file)
        }
        return ""
    }

    func finish() {}

    private func publish(_ spill: Spill, _ name: String, _ digest: String) throws -> String {
        switch naming {
        case .hash:
            // Who has the same digest has the same octets: one file is enough.
            let path = "\(directory)/\(digest)"
            var status = stat()
            if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { return path }
            try spill.publish(as: path, replaces: false)
            return path
        case .name:
            var number = numbers[name, default: 0]
            while true {
                number += 1
                let path = "\(directory)/\(number == 1 ? name : SafeFileName.numbered(name, number))"
                var status = stat()
                if lstat(path, &status) == 0 { continue }
                if numbers.count > 100_000 { numbers.removeAll() }
                numbers[name] = number
                try spill.publish(as: path, replaces: false)
                return path
            }
        }
    }

    private func tell(
        _ attachment: Attachment, _ message: ExportedMessage, _ part: String, _ digest: String, _ bytes: Int,
        _ file: String
    ) {
        guard writesJSON else {
            print("\(InertText.of(file))  \(attachment.mediaType)  \(Figures.count(bytes, "octet"))")
            return
        }
        var json = JSONWriter()
        json.object { json in
            json.member("session", message.info.id)
            json.member("exchange", message.record.exchange)
            json.member("message", message.record.sha256)
            json.member("complete", message.record.complete)
            json.member("part", part)
            json.member("name", attachment.filename)
            json.member("type", attachment.mediaType)
            json.member("bytes", bytes)
            json.member("sha256", digest)
            json.member("file", file)
        }
        print(json.text)
    }

    /// The number of a part as IMAP has it: `2.1` (RFC 9051 §6.4.5.1).
    static func path(of part: Int, in structure: MessageStructure) -> String {
        var numbers: [Int] = []
        var index = part
        while structure.parts.indices.contains(index) {
            guard let parent = structure.parts[index].parent, structure.parts.indices.contains(parent) else { break }
            switch structure.parts[parent].content {
            case .multipart(let children): numbers.append((children.firstIndex(of: index) ?? 0) + 1)
            case .message, .leaf, .opaque:
                if !Self.isMultipart(structure.parts[index]) { numbers.append(1) }
            }
            index = parent
        }
        if structure.parts.indices.contains(index), !isMultipart(structure.parts[index]) { numbers.append(1) }
        return numbers.reversed().map(String.init).joined(separator: ".")
    }

    private static func isMultipart(_ part: MessagePart) -> Bool {
        switch part.content {
        case .multipart: true
        case .leaf, .message, .opaque: false
        }
    }
}
