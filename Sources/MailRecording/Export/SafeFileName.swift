// File names that a sender chose, as names that are safe to be used: no path, nothing that a terminal obeys or a reader does not
// see, nothing that means something to a system or a shell by its place.

/// Makes names of files.
package enum SafeFileName {
    /// Octets of a name at most; suffixes of ours and of file systems need room.
    package static let longest = 180

    /// Names that Windows takes for devices, whatever their ending.
    private static let devices: Set<String> = [
        "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1",
        "lpt2",
        "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
    ]

    /// The last component of what the sender called a path or a name.
    /// - Parameter fallback: the name when nothing is left.
    package static func of(_ name: String, fallback: String) -> String {
        var scalars: [Unicode.Scalar] = []
        for scalar in name.unicodeScalars {
            switch scalar {
            case "/", "\\": scalars.removeAll()
            case ":", "*", "?", "\"", "<", ">", "|": scalars.append("_")
            case _ where scalar.value < 32 || scalar.value == 127 || InertText.isDangerous(scalar.value): continue
            case _ where scalar.properties.isWhitespace: scalars.append(" ")
            default: scalars.append(scalar)
            }
            // Of an endless name the end matters only.
            if scalars.count > 4096 { scalars.removeFirst(2048) }
        }
        while let last = scalars.last, last == " " || last == "." { scalars.removeLast() }
        let blanks = scalars.prefix { $0 == " " }.count
        scalars.removeFirst(blanks)
        // No hidden file, and no option of a command.
        if let first = scalars.first, first == "." || first == "-" || first == "~" { scalars[0] = "_" }
        guard !scalars.isEmpty else { return fallback }
        let (stem, ending) = parts(scalars)
        let text = cut(stem, longest - ending.utf8.count) + ending
        return devices.contains(stem.prefix { $0 != "." }.lowercased()) ? "_" + text : text
    }

    /// `report-2.pdf`: the name with a number.
    package static func numbered(_ name: String, _ number: Int) -> String {
        let (stem, ending) = parts(Array(name.unicodeScalars))
        return "\(stem)-\(number)\(ending)"
    }

    /// The name before its ending, and the ending with its dot, when it is a short one.
    private static func parts(_ scalars: [Unicode.Scalar]) -> (String, String) {
        func text(_ part: ArraySlice<Unicode.Scalar>) -> String {
            var text = ""
            text.unicodeScalars.append(contentsOf: part)
            return text
        }
        guard let dot = scalars.lastIndex(of: "."), dot > 0, scalars.count - dot <= 16 else {
            return (text(scalars[...]), "")
        }
        return (text(scalars[..<dot]), text(scalars[dot...]))
    }

    private static func cut(_ text: String, _ octets: Int) -> String {
        guard text.utf8.count > octets else { return text }
        var out = ""
        var count = 0
        for scalar in text.unicodeScalars {
            count += UTF8.width(scalar)
            if count > octets { break }
            out.unicodeScalars.append(scalar)
        }
        return out
    }
}
