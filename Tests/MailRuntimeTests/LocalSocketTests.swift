// Sockets of the file system, and which of systemd's sockets are ours.

import Foundation
import Glibc
import MailRecording
import Testing

@testable import MailRuntime

@Suite struct LocalSocketTests {
    /// A path in a folder of its own.
    private final class Place {
        let folder: String
        var path: String { folder + "/socket" }

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("mailproxy-\(UUID())").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        }

        deinit {
            unlink(path)
            rmdir(folder)
        }

        var mode: mode_t? {
            var found = stat()
            return lstat(path, &found) == 0 ? found.st_mode & 0o777 : nil
        }
    }

    private static let nominal = SocketAddress(.v4(0x7F00_0001), 143)

    @Test func aSocketComesAndGoes() throws {
        let place = try Place()
        let listener = try Listener(path: place.path, mode: 0o640, address: Self.nominal)
        #expect(place.mode == 0o640)
        #expect(listener.text == "unix:\(place.path)")
        #expect(listener.address == Self.nominal)
        #expect(LocalSocket.path(of: listener.descriptor) == place.path)
        let client = try LocalSocket.connect(to: place.path)
        close(client)
        listener.closeDescriptor()
        #expect(place.mode == nil)
        #expect(throws: SystemError("connect", code: ENOENT)) { try LocalSocket.connect(to: place.path) }
    }

    @Test func onlyAStaleSocketIsReplaced() throws {
        let place = try Place()
        let first = try Listener(path: place.path, mode: 0o600, address: Self.nominal)
        let taken = #expect(throws: SystemError.self) {
            try Listener(path: place.path, mode: 0o600, address: Self.nominal)
        }
        #expect(taken?.code == EADDRINUSE)
        // Nobody listens any more, and the file stays.
        close(first.descriptor)
        #expect(place.mode == 0o600)
        let second = try Listener(path: place.path, mode: 0o660, address: Self.nominal)
        #expect(place.mode == 0o660)
        second.closeDescriptor()
        close(open(place.path, O_CREAT | O_WRONLY, 0o644))
        let file = #expect(throws: SystemError.self) {
            try Listener(path: place.path, mode: 0o600, address: Self.nominal)
        }
        #expect(file?.description.hasSuffix("what is there is no socket, and stays") == true)
        #expect(place.mode != nil)
    }

    @Test func pathsThatAreTooLong() {
        let path = "/" + String(repeating: "x", count: 200)
        #expect(throws: SystemError.self) { try LocalSocket.connect(to: path) }
        #expect(throws: SystemError.self) { try Listener(path: path, mode: 0o600, address: Self.nominal) }
    }

    private func inherited(_ variables: [String: String]) -> InheritedSockets {
        InheritedSockets(environment: { variables[$0] }, process: 42)
    }

    @Test func whichSocketsAreOurs() throws {
        let routes = try ["imap://systemd:a=fallback", "imap://systemd:1=fallback"].map { try Route($0) }
        let some = inherited(["LISTEN_PID": "42", "LISTEN_FDS": "4", "LISTEN_FDNAMES": "a:b:c"])
        #expect(some.names(notIn: routes) == ["c", "unknown"])
        let missing = #expect(throws: SystemError.self) { try some.sockets(named: "d") }
        #expect(missing?.description.hasPrefix("systemd gave no socket 'd': it gave a, b, c, unknown") == true)
    }

    @Test(arguments: [
        [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "41", "LISTEN_FDS": "1"], ["LISTEN_PID": "42"],
        ["LISTEN_PID": "42", "LISTEN_FDS": "0"], ["LISTEN_PID": "42", "LISTEN_FDS": "-1"],
        ["LISTEN_PID": "42", "LISTEN_FDS": "99999999999"], ["LISTEN_PID": "42", "LISTEN_FDS": "1025"],
        ["LISTEN_PID": "x", "LISTEN_FDS": "1"],
    ])
    func variablesThatGiveNone(_ variables: [String: String]) {
        let error = #expect(throws: SystemError.self) { try inherited(variables).sockets(named: "0") }
        #expect(error?.description == "systemd gave no socket '0': it gave none")
    }
}
