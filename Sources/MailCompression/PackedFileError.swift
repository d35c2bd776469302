// What can be wrong with a packed file.

/// A file that cannot be read, or does not hold what it claims.
package struct PackedFileError: Error, Equatable, Sendable {
    package enum Code: Sendable {
        /// The system does not let it be read.
        case unreadable
        /// It ends in the middle of what is packed, as a file does whose writer was killed.
        case truncated
        /// What is packed is damaged.
        case damaged
        /// It unpacks to far more than recordings and captures do.
        case tooLarge
    }

    package var code: Code
    /// Octets of the file, as stored, before the place; nil where there is none.
    package var offset: Int?
    package var text: String

    package init(_ code: Code, at offset: Int? = nil, _ text: String) {
        self.code = code
        self.offset = offset
        self.text = text
    }
}
