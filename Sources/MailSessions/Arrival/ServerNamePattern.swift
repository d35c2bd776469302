// Names by which clients ask for a server under TLS (RFC 6066 §3), as routes write them: whole, or with `*.` for any one label at
// the beginning, as in certificates (RFC 9525 §6.3).

/// A name that clients may ask for.
package struct ServerNamePattern: Equatable, Sendable {
    /// Octets of the longest name of the DNS, without a dot at its end (RFC 1035 §3.1).
    package static let longest = 253
    /// Octets of the longest label (RFC 1035 §3.1).
    private static let longestLabel = 63

    /// In lower case; behind the `*.` when it begins so.
    private let name: String
    /// The first label may be any.
    package let isWildcard: Bool

    /// As it was written, in lower case.
    package var text: String { isWildcard ? "*.\(name)" : name }

    /// Nil when it is no name of a host: letters, digits, hyphens and underscores in labels, and no address.
    package init?(_ text: some StringProtocol) {
        var name = text.lowercased()
        isWildcard = name.hasPrefix("*.")
        if isWildcard { name.removeFirst(2) }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...Self.longestLabel).contains(label.utf8.count)
                && label.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95 }
        }
        // What ends with a number is an address, which no client may ask for.
        guard isName, name.utf8.count <= Self.longest, labels.last?.utf8.allSatisfy({ (48...57).contains($0) }) == false
        else { return nil }
        self.name = name
    }

    /// How well it fits what a client asks for; nil when it does not. A whole name fits better than a wildcard.
    /// - Parameter asked: as the client wrote it.
    package func fit(_ asked: String) -> Int? {
        guard asked.utf8.count <= Self.longest + 1 else { return nil }
        var asked = asked.lowercased()[...]
        // Not allowed there (RFC 6066 §3), and meant all the same.
        if asked.hasSuffix(".") { asked = asked.dropLast() }
        guard isWildcard else { return asked == name ? 2 : nil }
        guard let dot = asked.firstIndex(of: "."), dot > asked.startIndex else { return nil }
        return asked[asked.index(after: dot)...] == name ? 1 : nil
    }
}
