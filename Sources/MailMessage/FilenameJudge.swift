// Judges the file names that a message proposes: shapes that attacks on readers have (RFC 2183 §2.3, §5).

enum FilenameJudge {
    /// - Parameter name: the file name with its encodings undone.
    static func judge(_ name: String, at offset: Int, _ book: inout FlawBook) {
        let scalars = name.unicodeScalars
        if scalars.contains(where: isPath) || name == ".." { book.note(.pathInFilename, at: offset) }
        if scalars.contains(where: turnsDirection) { book.note(.bidiInFilename, at: offset) }
        if scalars.contains(where: { $0.value < 32 || 0x7F...0x9F ~= $0.value }) {
            book.note(.controlInFilename, at: offset)
        }
        if hidesExtension(name) { book.note(.hiddenExtension, at: offset) }
    }

    private static func isPath(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "/" || scalar == "\\"
    }

    /// Embeddings, overrides and isolates of the bidirectional algorithm.
    private static func turnsDirection(_ scalar: Unicode.Scalar) -> Bool {
        0x202A...0x202E ~= scalar.value || 0x2066...0x2069 ~= scalar.value
    }

    /// What runs when it is opened.
    private static let programs: Set<String> = [
        "bat", "chm", "cmd", "com", "cpl", "exe", "hta", "jar", "js", "jse", "lnk", "msi", "pif", "ps1", "reg", "scr",
        "vbe",
        "vbs", "wsf", "wsh",
    ]

    /// What is shown when it is opened.
    private static let documents: Set<String> = [
        "avi", "bmp", "csv", "doc", "docx", "eml", "gif", "htm", "html", "jpeg", "jpg", "mp3", "mp4", "odt", "pdf",
        "png",
        "ppt", "pptx", "rtf", "tif", "tiff", "txt", "xls", "xlsx", "xml", "zip",
    ]

    /// Octets at the end of a name that extensions are looked for in.
    private static let judgedEnd = 1_024

    /// The extension of a document, perhaps with white space behind it, and then that of a program.
    private static func hidesExtension(_ name: String) -> Bool {
        let end = String(decoding: name.utf8.suffix(judgedEnd), as: UTF8.self)
        let parts = end.lowercased().split(separator: ".", omittingEmptySubsequences: true)
        guard parts.count >= 3, let last = parts.last, programs.contains(String(last.filter { !$0.isWhitespace }))
        else {
            return false
        }
        return documents.contains(String(parts[parts.count - 2].filter { !$0.isWhitespace }))
    }
}
