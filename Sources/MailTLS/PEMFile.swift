// Files of certificates and keys.

import Glibc

package enum PEMFile {
    /// More than any chain of certificates has, in octets.
    static let limit = 1 << 20

    /// The octets of a file.
    package static func read(_ path: String) throws(TLSFailure) -> [UInt8] { try read(path, isSecret: false) }

    /// The octets of a file with a secret, which nobody but its owner may read.
    package static func readSecret(_ path: String) throws(TLSFailure) -> [UInt8] { try read(path, isSecret: true) }

    private static func read(_ path: String, isSecret: Bool) throws(TLSFailure) -> [UInt8] {
        // A pipe that nobody writes to is not waited for: it is no file.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw TLSFailure(path, "cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TLSFailure(path, "is no file")
        }
        if isSecret, status.st_mode & 0o077 != 0 {
            throw TLSFailure(
                path, "can be read by others (mode \(String(status.st_mode & 0o777, radix: 8)))",
                advice: "take that away with 'chmod 600 \(path)'")
        }
        var octets: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16_384)
        while octets.count <= limit {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count == 0 { return octets }
            if count > 0 {
                octets += piece.prefix(count)
            } else if errno != EINTR {
                throw TLSFailure(path, "cannot be read: \(String(cString: strerror(errno)))")
            }
        }
        throw TLSFailure(path, "is larger than any certificate", advice: "give a PEM file")
    }
}

extension Sequence<UInt8> {
    /// Two hexadecimal digits an octet.
    package var hex: String {
        map { octet in (octet < 16 ? "0" : "") + String(octet, radix: 16) }.joined()
    }
}
