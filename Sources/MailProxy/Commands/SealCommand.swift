// `mailproxy seal`: the key that secrets are sealed with.

import ArgumentParser
import Glibc
import MailRecording
import MailStore

struct SealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal", abstract: "The key pair for sealed secrets (record.secrets: seal).",
        discussion: """
            Recordings have asterisks in the place of passwords and tokens. With record.secrets: seal each of them is also there \
            encrypted to a public key (HPKE, RFC 9180), and only who has the private key can read it ('mailproxy unseal'). Keep \
            the private key away from the machine that records: make the pair elsewhere, and give record.seal-key the public one.
            """,
        subcommands: [SealCreate.self, SealShow.self, SealExport.self])

    /// Errors of keys are the user's to mend.
    static func told<T>(_ body: () throws(SealKeyError) -> T) throws -> T {
        do { return try body() } catch { throw CLIError.usage("\(error)") }
    }

    /// The public key of a data directory.
    static func publicKey(in data: String) throws -> SealPublicKey {
        let path = SealKeyFile.publicPath(in: data)
        guard access(path, F_OK) == 0 else {
            throw CLIError.usage("\(path): there is no key yet; 'mailproxy seal create' makes one")
        }
        return try told { () throws(SealKeyError) in try SealPublicKey(path: path) }
    }
}

struct SealCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a key pair (X25519); one that exists is never overwritten.")
    @OptionGroup var data: DataDirectory

    func run() throws {
        let directory = try data.directory()
        let key = SealPrivateKey()
        try SealCommand.told { () throws(SealKeyError) in try SealKeyFile.create(key, in: directory) }
        print("key          \(key.publicKey.id)")
        print("public key   \(SealKeyFile.publicPath(in: directory))")
        print("private key  \(SealKeyFile.privatePath(in: directory))")
        print(
            "\nWho has the private key can read all that is sealed to this one; without it nobody can. Keep it where nobody records:"
        )
        print("  mailproxy seal export --private -o KEEP/seal.key && rm \(SealKeyFile.privatePath(in: directory))")
    }
}

struct SealShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the public key, and where the private one is.")
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var data: DataDirectory

    func run() throws {
        let key = try SealCommand.publicKey(in: data.path)
        let privatePath = SealKeyFile.privatePath(in: data.path)
        let isHere = access(privatePath, F_OK) == 0
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("key", key.id)
                json.member("public_key", SealKeyFile.publicPath(in: data.path))
                json.member("private_key", isHere ? privatePath : nil)
            }
            return print(writer.text)
        }
        print("key          \(key.id)")
        print("public key   \(SealKeyFile.publicPath(in: data.path))")
        print("private key  \(isHere ? privatePath : "not here")")
        print(key.pem, terminator: "")
    }
}

struct SealExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the public key in PEM; the private one only when it is asked for.",
        discussion: "A file that is there is never overwritten, and is for its owner alone (0600).")
    @Flag(name: .customLong("private"), help: "The private key.") var isPrivate = false
    @Option(name: .shortAndLong, help: "The file; standard output when not given.") var output: String?
    @OptionGroup var data: DataDirectory

    func run() throws {
        let text: String
        if isPrivate {
            let path = SealKeyFile.privatePath(in: data.path)
            guard access(path, F_OK) == 0 else {
                throw CLIError.usage("\(path): the private key is not here")
            }
            text = try SealCommand.told { () throws(SealKeyError) in try SealPrivateKey(path: path).pem }
        } else {
            text = try SealCommand.publicKey(in: data.path).pem
        }
        guard let output else {
            guard !isPrivate || isatty(1) == 0 else {
                throw CLIError.usage("a private key is not for the screen: give a file with -o, or redirect the output")
            }
            return print(text, terminator: "")
        }
        try SealCommand.told { () throws(SealKeyError) in try SealKeyFile.write(text, to: output) }
    }
}
