// The key with which recordings are signed.

import MailStore

enum RecordingKey {
    /// The key of a data directory, made when there is none.
    /// - Parameter otherwise: what somebody can do who has no such directory.
    static func get(_ data: String, otherwise: String) throws -> ChainKey {
        do { return try ChainKey.readOrMake(in: data) } catch { throw CLIError.fault("\(error) (\(otherwise))") }
    }
}
