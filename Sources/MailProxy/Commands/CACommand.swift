// `mailproxy ca`: the authority whose certificates clients see when TLS is intercepted.

import ArgumentParser
import Glibc
import MailRecording
import MailTLS

struct CACommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "The certificate authority for intercepted TLS.",
        discussion: """
            Clients that trust this authority accept the certificates that the proxy makes for the servers it stands in \
            for. Whoever has its key can pass for any server at these clients: keep the data directory to yourself, and \
            take the authority out of the clients when the work is done.
            """,
        subcommands: [CACreate.self, CAShow.self, CAExport.self])

    /// Errors of keys and certificates are the user's to mend.
    static func told<T>(_ body: () throws(TLSFailure) -> T) throws -> T {
        do { return try body() } catch { throw CLIError.usage("\(error)") }
    }

    static var now: Int64 { Int64(time(nil)) }
}

struct CACreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make an authority (ECDSA P-256); one that exists is never overwritten.")
    @Option(help: "The name by which clients list it; one of its own when not given.") var name: String?
    /// Days for which an authority holds: ten years, so that no client has to be visited twice.
    static let lifetime = 3_650
    @Option(help: "For how many days it holds.") var days = Self.lifetime
    @OptionGroup var data: DataDirectory

    func run() throws {
        let directory = try data.directory()
        let authority = try CACommand.told { () throws(TLSFailure) in
            try CertificateAuthority.create(in: directory, name: name ?? "", days: days, now: CACommand.now)
        }
        print(CAText.lines(authority.certificate, directory).joined(separator: "\n"))
        print("\nTo let a client trust it, give it \(CertificateAuthority.certificatePath(in: directory)):")
        for line in CAText.trust(CertificateAuthority.certificatePath(in: directory)) { print("  \(line)") }
    }
}

struct CAShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the authority, and how clients are made to trust it.")
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var data: DataDirectory

    func run() throws {
        let directory = data.path
        let authority = try CACommand.told { () throws(TLSFailure) in
            try CertificateAuthority(in: directory, now: CACommand.now)
        }
        if json {
            print(CAText.json(authority.certificate, directory))
            return
        }
        print(CAText.lines(authority.certificate, directory).joined(separator: "\n"))
        print("\nHow clients trust it:")
        for line in CAText.trust(CertificateAuthority.certificatePath(in: directory)) { print("  \(line)") }
    }
}

struct CAExport: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable { case pem, der }

    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the authority's certificate, for clients; never its key.")
    @Option(help: "pem, or der as some systems want it.") var format = Format.pem
    @Option(name: .shortAndLong, help: "The file; standard output when not given.") var output: String?
    @Flag(help: "Replace the file.") var force = false
    @OptionGroup var data: DataDirectory

    func run() throws {
        if let output, force { try OutputFile.refuse(output, among: [CertificateAuthority.keyPath(in: data.path)]) }
        let octets = try CACommand.told { () throws(TLSFailure) in
            let authority = try CertificateAuthority(in: data.path, now: CACommand.now)
            switch format {
            case .pem: return try authority.certificate.pem
            case .der: return try authority.certificate.der
            }
        }
        if let output {
            // Among the names near by is that of the key, which must never be written over.
            let file = try OutputFile(output, replaces: force, mode: 0o644)
            try SpoolFile.write(octets[...], to: file.descriptor, name: output)
            try file.publish()
        } else {
            guard format == .pem || isatty(1) == 0 else {
                throw CLIError.usage("DER is no text: give a file with -o, or redirect the output")
            }
            try SpoolFile.write(octets[...], to: 1, name: "standard output")
        }
    }
}

/// An authority in words.
private enum CAText {
    static func lines(_ certificate: Certificate, _ directory: String) -> [String] {
        [
            "subject      \(certificate.subject)",
            "valid        \(date(certificate.notBefore)) to \(date(certificate.notAfter))",
            "serial       \(certificate.serial)",
            "sha256       \(certificate.fingerprint.hex)",
            "key pin      \(certificate.keyPin.hex)",
            "certificate  \(CertificateAuthority.certificatePath(in: directory))",
            "key          \(CertificateAuthority.keyPath(in: directory))",
        ]
    }

    static func json(_ certificate: Certificate, _ directory: String) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("subject", certificate.subject)
            writer.member("not_before", date(certificate.notBefore))
            writer.member("not_after", date(certificate.notAfter))
            writer.member("serial", certificate.serial)
            writer.member("sha256", certificate.fingerprint.hex)
            writer.member("key_pin", certificate.keyPin.hex)
            writer.member("certificate", CertificateAuthority.certificatePath(in: directory))
        }
        return writer.text
    }

    /// How the usual clients take an authority.
    static func trust(_ path: String) -> [String] {
        [
            "Debian     cp \(path) /usr/local/share/ca-certificates/mailproxy.crt && update-ca-certificates",
            "curl       curl --cacert \(path) …",
            "swaks      swaks --tls --tls-ca-path \(path) …",
            "msmtp      tls_trust_file \(path)",
            "mbsync     CertificateFile \(path)",
            "openssl    openssl s_client -CAfile \(path) …",
            "Python     ssl.create_default_context(cafile=\"\(path)\")",
            "Mozilla    Settings, Certificates, Authorities, Import",
        ]
    }

    private static func date(_ seconds: Int64) -> String { Timestamp.rfc3339(seconds * 1_000_000).prefix(19) + "Z" }
}
