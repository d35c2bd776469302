// A failed system call, with the reason in words.

import CLinux
import Glibc

/// What the kernel said.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    package let call: String
    package let code: Int32

    /// Takes the code from `errno`.
    package init(_ call: String) { self.init(call, code: errno) }

    package init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// The reason, as strerror says it.
    package var reason: String {
        var text = [CChar](repeating: 0, count: 256)
        return String(cString: mp_error_text(code, &text, text.count))
    }

    package var description: String { "\(call): \(reason)" }
}
