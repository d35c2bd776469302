// Words with SOCKS clients: the dialogues of RFC 1928 and RFC 1929, in pieces, and what is none.

import MailDialogue
import MailRecording
import TestSupport
import Testing

@testable import MailSessions

struct SOCKSServerTests {
    private typealias Step = SOCKSServer.Step

    /// All steps for `octets`, of which `size` more come at a time; what is left of them comes back.
    private func steps(_ server: inout SOCKSServer, _ octets: [UInt8], by size: Int) -> (steps: [Step], rest: [UInt8]) {
        var found: [Step] = []
        var waiting: [UInt8] = []
        var start = 0
        while start < octets.count {
            let end = min(start + size, octets.count)
            waiting += octets[start..<end]
            start = end
            while true {
                let (taken, step) = server.receive(waiting[...])
                waiting.removeFirst(taken)
                if step == .more { break }
                found.append(step)
            }
        }
        return (found, waiting)
    }

    private func expect(_ users: SOCKSUsers?, _ octets: [UInt8], _ wanted: [Step], rest: [UInt8] = []) {
        for size in [1, 2, 3, 1000] {
            var server = SOCKSServer(users: users)
            let (found, left) = steps(&server, octets, by: size)
            #expect(found == wanted)
            #expect(left == rest)
        }
    }

    private func users() throws -> SOCKSUsers { try #require(SOCKSUsers(lines: "# who may\nyou:secret\r\n\na:b:c\n")) }

    private func refused(_ failure: SOCKSServer.Failure, _ reason: String) -> Step {
        .refuse([5, failure.rawValue, 0, 1, 0, 0, 0, 0, 0, 0], reason: reason)
    }

    @Test func addressesOfAllKinds() throws {
        let ipv4 = try #require(IPAddress("192.0.2.1"))
        expect(
            nil, [5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 143],
            [.send([5, 0]), .connect(.init(host: .address(ipv4), port: 143))])
        let ipv6 = try #require(IPAddress("2001:db8::1"))
        expect(
            nil, [5, 2, 2, 0, 5, 1, 0, 4, 0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [1, 3, 0xE1],
            [.send([5, 0]), .connect(.init(host: .address(ipv6), port: 993))])
        expect(
            nil, [5, 1, 0, 5, 1, 0, 3, 16] + Array("mail.example.com".utf8) + [0, 25],
            [.send([5, 0]), .connect(.init(host: .name("mail.example.com"), port: 25))])
        // An address that comes as a name.
        expect(
            nil, [5, 1, 0, 5, 1, 0, 3, 9] + Array("192.0.2.1".utf8) + [0, 143],
            [.send([5, 0]), .connect(.init(host: .address(ipv4), port: 143))])
    }

    @Test func whatFollowsTheRequestIsTheClients() throws {
        let ipv4 = try #require(IPAddress("192.0.2.1"))
        expect(
            nil, [5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 143] + Array("a1 NOOP\r\n".utf8),
            [.send([5, 0]), .connect(.init(host: .address(ipv4), port: 143))], rest: Array("a1 NOOP\r\n".utf8))
    }

    @Test func logins() throws {
        let request: [UInt8] = [5, 1, 0, 1, 192, 0, 2, 1, 0, 143]
        let connect = Step.connect(.init(host: .address(try #require(IPAddress("192.0.2.1"))), port: 143))
        func login(_ name: String, _ password: String) -> [UInt8] {
            [1, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(password.utf8.count)] + Array(password.utf8)
        }
        expect(
            try users(), [5, 2, 0, 2] + login("you", "secret") + request, [.send([5, 2]), .send([1, 0]), connect])
        expect(try users(), [5, 1, 2] + login("a", "b:c") + request, [.send([5, 2]), .send([1, 0]), connect])
        for (name, password) in [
            ("you", "secreT"), ("you", "secre"), ("You", "secret"), ("", ""), ("you", ""), ("x", ""),
        ] {
            expect(
                try users(), [5, 1, 2] + login(name, password),
                [.send([5, 2]), .refuse([1, 1], reason: "its user name or its password is wrong")])
        }
        expect(try users(), [5, 1, 0], [.refuse([5, 0xFF], reason: "it does not log in")])
        expect(nil, [5, 1, 2], [.refuse([5, 0xFF], reason: "it must log in, and nobody can here")])
        expect(nil, [5, 0], [.refuse([5, 0xFF], reason: "it must log in, and nobody can here")])
        expect(
            try users(), [5, 1, 2, 5], [.send([5, 2]), .refuse([1, 1], reason: "its login is of version 5")])
    }

    @Test func otherProtocolsAndVersions() {
        for (first, reason) in [
            (UInt8(4), "it speaks SOCKS 4"), (UInt8(ascii: "G"), "it does not speak SOCKS 5"),
            (22, "it does not speak SOCKS 5"),
        ] {
            var server = SOCKSServer()
            let (taken, step) = server.receive([first, 1, 2][...])
            #expect(taken == 3)
            #expect(step == .refuse([], reason: reason))
            #expect(server.receive([5, 1, 0][...]).step == .more)
        }
    }

    @Test(
        arguments: [
            ([5, 2, 0, 1, 192, 0, 2, 1, 0, 143], .commandNotSupported, "it wants more than a connection"),
            ([5, 3, 0, 1, 192, 0, 2, 1, 0, 143], .commandNotSupported, "it wants more than a connection"),
            ([5, 1, 0, 1, 192, 0, 2, 1, 0, 0], .general, "it asks for port 0"),
            ([5, 1, 0, 3, 0, 0, 143], .general, "the name that it asks for is none"),
            ([5, 1, 0, 3, 3, 0x61, 0, 0x62, 0, 143], .general, "the name that it asks for is none"),
            ([5, 1, 0, 3, 3, 0x61, 10, 0x62, 0, 143], .general, "the name that it asks for is none"),
            ([5, 1, 0, 3, 2, 0x2D, 0x62, 0, 143], .general, "the name that it asks for is none"),
            ([5, 1, 0, 3, 2, 0xC3, 0xA4, 0, 143], .general, "the name that it asks for is none"),
        ] as [([UInt8], SOCKSServer.Failure, String)])
    func requestsThatAreRefused(_ request: [UInt8], _ failure: SOCKSServer.Failure, _ reason: String) {
        expect(nil, [5, 1, 0] + request, [.send([5, 0]), refused(failure, reason)])
    }

    @Test func addressesOfUnknownKinds() {
        var server = SOCKSServer()
        _ = server.receive([5, 1, 0][...])
        // Nobody knows how long such a request is: it is answered at once.
        #expect(
            server.receive([5, 1, 0, 2, 1][...]).step == refused(.addressTypeNotSupported, "its address is of kind 2"))
    }

    @Test func replies() throws {
        let local = try #require(SocketAddress("192.0.2.7:1025"))
        #expect(SOCKSServer.granted(from: local) == [5, 0, 0, 1, 192, 0, 2, 7, 4, 1])
        let far = try #require(SocketAddress("[2001:db8::1]:2"))
        #expect(
            SOCKSServer.granted(from: far) == [5, 0, 0, 4, 0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [
                1, 0, 2,
            ])
        #expect(SOCKSServer.refusal(.connectionRefused) == [5, 5, 0, 1, 0, 0, 0, 0, 0, 0])
    }

    @Test func theLongestWordsFit() {
        var server = SOCKSServer()
        #expect(server.receive([5, 255][...]).step == .more)
        let methods: [UInt8] = [5, 255] + [UInt8](repeating: 0, count: 255)
        #expect(methods.count <= SOCKSServer.longest)
        #expect(server.receive(methods[...]).taken == 257)
    }

    @Test func filesOfUsers() throws {
        #expect(SOCKSUsers(lines: "nobody\n") == nil)
        #expect(SOCKSUsers(lines: ":secret\n") == nil)
        #expect(SOCKSUsers(lines: "you:\n") == nil)
        #expect(SOCKSUsers(lines: "you:" + String(repeating: "x", count: 256)) == nil)
        #expect(SOCKSUsers(lines: "# none\n")?.isEmpty == true)
        let known = try users()
        #expect("\(known)" == "2 users")
    }

    @Test func randomOctetsNeverTrap() throws {
        var random = Numbers()
        let known = try users()
        for round in 0..<10_000 {
            var octets: [UInt8] = round % 2 == 0 ? [5, 1, 0, 5] : [5, 1, 2, 1]
            for _ in 0..<Int.random(in: 0..<40, using: &random) { octets.append(.random(in: 0...255, using: &random)) }
            var server = SOCKSServer(users: round % 2 == 0 ? nil : known)
            let (found, left) = steps(&server, octets, by: Int.random(in: 1...40, using: &random))
            #expect(found.count <= 4)
            #expect(left.count <= octets.count)
        }
    }
}
