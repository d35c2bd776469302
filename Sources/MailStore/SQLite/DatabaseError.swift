// What SQLite says when something fails.

/// An error of SQLite.
package struct DatabaseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The primary result code: the low octet of SQLite's number.
    package enum Kind: Equatable, Sendable {
        /// Another connection holds a lock for longer than the time-out.
        case busy
        /// The disk is full.
        case full
        /// The file is damaged, or no database.
        case corrupt
        /// The file could not be opened.
        case cannotOpen
        /// Reading or writing failed, or the file may only be read.
        case inputOutput
        /// A constraint of the schema.
        case constraint
        /// Anything else: a mistake of ours.
        case other
    }

    /// SQLite's extended result code.
    package let code: Int32
    /// SQLite's message.
    package let message: String
    /// The file.
    package let path: String

    package init(code: Int32, message: String, path: String) {
        self.code = code
        self.message = message
        self.path = path
    }

    package var kind: Kind {
        switch code & 0xFF {
        case 5, 6: .busy
        case 13: .full
        case 11, 26: .corrupt
        case 14: .cannotOpen
        case 8, 10: .inputOutput
        case 19: .constraint
        default: .other
        }
    }

    package var description: String { "\(path): \(message) (SQLite \(code))" }
}
