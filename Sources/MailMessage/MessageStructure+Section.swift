// The octets of a section (RFC 9051 §6.4.5.1): which part a number names, and what of it is asked for.

extension MessageStructure {
    /// The octets of a section; nil when the message has no such section.
    package func section(_ spec: SectionSpec, in message: [UInt8]) -> ArraySlice<UInt8>? {
        if spec.part.isEmpty {
            switch spec.text {
            case .whole: return octets(0..<size, in: message)
            case .text: return body(of: root, in: message)
            case .header: return header(of: root, in: message)
            case .headerFields(let names): return fields(of: root, named: names, isSelected: true, in: message)
            case .headerFieldsNot(let names): return fields(of: root, named: names, isSelected: false, in: message)
            case .mime: return nil
            }
        }
        guard let part = part(numbered: spec.part) else { return nil }
        switch spec.text {
        case .whole: return body(of: part, in: message)
        case .mime: return header(of: part, in: message)
        case .header, .text, .headerFields, .headerFieldsNot: break
        }
        // These need a part that is a message.
        guard case .message(let child) = part.content, parts.indices.contains(child) else { return nil }
        let inner = parts[child]
        switch spec.text {
        case .text: return body(of: inner, in: message)
        case .headerFields(let names): return fields(of: inner, named: names, isSelected: true, in: message)
        case .headerFieldsNot(let names): return fields(of: inner, named: names, isSelected: false, in: message)
        case .header, .whole, .mime: return header(of: inner, in: message)
        }
    }

    /// The part that section numbers name. A message that is no multipart has one part, 1, which is its body.
    package func part(numbered numbers: [Int]) -> MessagePart? {
        guard !numbers.isEmpty else { return root }
        var part = root
        // The numbers count the parts of a message or multipart; `part` is one as long as this holds.
        var isMessage = true
        for number in numbers {
            if !isMessage, case .message(let child) = part.content, parts.indices.contains(child) {
                part = parts[child]
                isMessage = true
            }
            if case .multipart(let children) = part.content {
                guard number >= 1, number <= children.count, parts.indices.contains(children[number - 1]) else {
                    return nil
                }
                part = parts[children[number - 1]]
            } else {
                guard isMessage, number == 1 else { return nil }
            }
            isMessage = false
        }
        return part
    }

    /// The fields of a header section whose names are, or are not, in the list, with the empty line where there is one.
    private func fields(
        of part: MessagePart, named names: [[UInt8]], isSelected: Bool, in message: [UInt8]
    ) -> ArraySlice<UInt8> {
        let wanted = Set(names.map { $0.map(Octets.lower) })
        var out: [UInt8] = []
        let section = header(of: part, in: message)
        var walk = HeaderFieldIterator(section)
        var end = section.startIndex
        while let field = walk.next() {
            end = field.raw.endIndex
            if wanted.contains(field.name.map(Octets.lower)) == isSelected { out.append(contentsOf: field.raw) }
        }
        out.append(contentsOf: section[end...])
        return out[...]
    }
}
