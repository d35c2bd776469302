// Why a recording cannot be begun.

/// Why a recorder could not start. `description` is a line for the user.
package enum RecorderError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another process, or another recorder of this one, writes to the directory.
    case inUse(directory: String)
    /// A system call failed; `reason` is the system's text.
    case failed(action: String, path: String, reason: String)
    /// The file has not the 32 octets of a key.
    case badKey(path: String)
    /// What signs the recording is not as it must be.
    case chain(String)
    /// The index could not be opened or made.
    case index(DatabaseError)

    package var description: String {
        switch self {
        case .inUse(let directory): "\(directory): another mailproxy is recording there"
        case .failed(let action, let path, let reason): "\(path): cannot \(action): \(reason)"
        case .badKey(let path):
            "\(path): the key of fingerprints must have 32 octets; if it is removed a new one is made, and earlier "
                + "fingerprints no longer compare"
        case .chain(let text): text
        case .index(let error): "the index cannot be used: \(error)"
        }
    }
}
