// What can go wrong with a capture, in words for the person who started it.

import MailRecording

/// A capture cannot be started or go on.
package struct CaptureError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The system does not let this user capture.
        case noPermission = "no-permission"
        case noSuchDevice = "no-such-device"
        /// The interface is down, or went away.
        case deviceDown = "device-down"
        /// A filter expression that libpcap does not take.
        case badFilter = "bad-filter"
        /// A file that cannot be opened or read.
        case unreadable
        /// A file that is no capture, or is damaged; ``CaptureError/format`` says where.
        case badFormat = "bad-format"
        /// Anything else that libpcap says.
        case failed
    }

    package var code: Code
    package var text: String
    package var format: CaptureFormatError?

    package init(_ code: Code, _ text: String, format: CaptureFormatError? = nil) {
        self.code = code
        self.text = text
        self.format = format
    }

    package var description: String { text }
}
