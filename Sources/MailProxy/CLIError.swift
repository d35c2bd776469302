// What ends a command early: a line for stderr and the exit status.

/// An error for the user.
struct CLIError: Error {
    let message: String
    let exit: Int32

    /// Wrong usage or configuration (status 2).
    static func usage(_ message: String) -> CLIError { CLIError(message: message, exit: 2) }
    /// A fault while running (status 3).
    static func fault(_ message: String) -> CLIError { CLIError(message: message, exit: 3) }
}
