// Sets fields in a header section, octet for octet: what is not named stays as it was.

import MailRules

/// Edits header sections.
package enum HeaderEditor {
    /// The section with `edits` applied: the first field of that name gets the value, others of that name go; a field that is
    /// not there is put on top.
    package static func apply(_ edits: [HeaderEdit], to section: ArraySlice<UInt8>) -> [UInt8] {
        var lines = split(section)
        for edit in edits {
            let line = field(edit)
            var placed = false
            lines = lines.compactMap { old in
                guard isNamed(old, edit.name) else { return old }
                defer { placed = true }
                return placed ? nil : line[...]
            }
            if !placed { lines.insert(line[...], at: 0) }
        }
        return lines.flatMap { $0 }
    }

    /// `Name: value` with CRLF; controls in the value are left out, so that no value can open another field.
    private static func field(_ edit: HeaderEdit) -> [UInt8] {
        var line = Array(edit.name.utf8)
        line += [58, 32]
        line += edit.value.utf8.filter { ($0 >= 32 && $0 != 127) || $0 == 9 }
        line += [13, 10]
        return line
    }

    /// Fields with their continuation lines, and the empty line.
    private static func split(_ section: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var fields: [ArraySlice<UInt8>] = []
        var start = section.startIndex
        var index = section.startIndex
        while index < section.endIndex {
            let lineEnd = section[index...].firstIndex(of: 10).map { $0 + 1 } ?? section.endIndex
            let next = lineEnd < section.endIndex ? section[lineEnd] : 0
            if next != 32, next != 9 {
                fields.append(section[start..<lineEnd])
                start = lineEnd
            }
            index = lineEnd
        }
        if start < section.endIndex { fields.append(section[start...]) }
        return fields
    }

    private static func isNamed(_ field: ArraySlice<UInt8>, _ name: String) -> Bool {
        guard let colon = field.firstIndex(of: 58) else { return false }
        var own = field[..<colon]
        while let last = own.last, last == 32 || last == 9 { own.removeLast() }
        let wanted = Array(name.utf8)
        guard own.count == wanted.count else { return false }
        return zip(own, wanted).allSatisfy { fold($0) == fold($1) }
    }

    private static func fold(_ octet: UInt8) -> UInt8 { octet >= 65 && octet <= 90 ? octet + 32 : octet }
}
