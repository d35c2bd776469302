// A failed system call, with the reason in words.

import CLinux
import Glibc
import MailTLS

/// What the kernel said.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    package let call: String
    package let code: Int32
    /// The reason, when it is not the kernel's.
    private let told: String?

    /// Takes the code from `errno`.
    package init(_ call: String) { self.init(call, code: errno) }

    package init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
        told = nil
        tlsKind = nil
    }

    /// What is wrong without the kernel having said so.
    init(saying text: String) {
        call = text
        code = EINVAL
        told = text
        tlsKind = nil
    }

    /// A failure that TLS found.
    init(_ failure: TLSFailure) {
        call = "TLS"
        code = EPROTO
        told = failure.description
        tlsKind = failure.kind
    }

    /// TLS found it, not the kernel.
    package var isTLS: Bool { tlsKind != nil }
    /// What kind of failure TLS found.
    let tlsKind: TLSFailure.Kind?

    /// The reason, as strerror says it.
    package var reason: String {
        if let told { return told }
        var text = [CChar](repeating: 0, count: 256)
        return String(cString: mp_error_text(code, &text, text.count))
    }

    package var description: String { told ?? "\(call): \(reason)" }
}
