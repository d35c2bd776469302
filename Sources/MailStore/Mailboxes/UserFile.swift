// Users and their passwords: one line each, `name:$pbkdf2-sha256$<iterations>$<salt>$<hash>`, salt and hash in hex. A
// password is never in it, so mechanisms that need it on our side (CRAM-MD5, APOP) are refused once there are users.
// The hash is what SCRAM-SHA-256 calls the salted password (RFC 5802 §3, RFC 7677 §3), so that can be offered.

import Crypto
import MailDialogue
import MailSessions
import Synchronization

/// A file of users. Read again when it changed.
package final class UserFile: Sendable {
    private struct Entry: Equatable {
        var name: String
        var iterations: Int
        var salt: [UInt8]
        var hash: [UInt8]
    }

    private struct Book {
        var entries: [Entry] = []
        var status: FileStatus?
        /// Marks of logins that held, so that a client which logs in every second does not cost a derivation each time.
        var accepted: Set<[UInt8]> = []
    }

    package let path: String
    private let files: any FileSystem
    private let book: Mutex<Book>
    private let cacheKey = SymmetricKey(size: .bits256)
    private let iterations: Int

    /// Many enough that a stolen file costs its thief, few enough for a login of a tenth of a second.
    package static let defaultIterations = 100_000
    private static let acceptedLimit = 1_000

    /// Opens the file; one that is missing has no users. Throws when others may read or write it, or a line is none.
    package convenience init(path: String) throws(StoreError) {
        try self.init(path: path, files: PosixFileSystem(), iterations: UserFile.defaultIterations)
    }

    init(path: String, files: any FileSystem, iterations: Int) throws(StoreError) {
        self.path = path
        self.files = files
        self.iterations = iterations
        self.book = Mutex(Book())
        try book.withLock { book throws(StoreError) in try read(&book) }
    }

    /// Names in the order of the file.
    package var names: [String] { current { $0.entries.map(\.name) } }

    /// The user of exactly this name, in lower case.
    package func user(named name: String) -> String? {
        current { book in book.entries.first { $0.name == name }?.name }
    }

    /// Adds a user or gives it another password.
    package func set(_ name: String, password: SecretText) throws(StoreError) {
        let name = name.lowercased()
        let isSafe = name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ":") }
        guard !name.isEmpty, name.utf8.count <= 320, isSafe else { throw .invalidUser(name) }
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let entry = Entry(
            name: name, iterations: iterations, salt: salt,
            hash: UserFile.derive(password, salt: salt, iterations: iterations))
        try change { entries in
            if let index = entries.firstIndex(where: { $0.name == name }) {
                entries[index] = entry
            } else {
                entries.append(entry)
            }
            return true
        }
    }

    /// False when there is no such user.
    @discardableResult
    package func remove(_ name: String) throws(StoreError) -> Bool {
        let name = name.lowercased()
        return try change { entries in
            let before = entries.count
            entries.removeAll { $0.name == name }
            return entries.count != before
        }
    }

    /// The user whose login this is, or nil. Takes as long for a user that does not exist.
    package func verify(_ login: String, _ password: SecretText) -> String? {
        let entry = entry(login)
        let against =
            entry
            ?? Entry(
                name: "", iterations: iterations, salt: Array(repeating: 0, count: 16),
                hash: Array(repeating: 0, count: 32))
        let mark = self.mark(against, password)
        if entry != nil, current({ $0.accepted.contains(mark) }) { return against.name }
        let derived = UserFile.derive(password, salt: against.salt, iterations: against.iterations)
        guard UserFile.isSame(derived, against.hash), entry != nil else { return nil }
        book.withLock { book in
            if book.accepted.count >= UserFile.acceptedLimit { book.accepted.removeAll() }
            book.accepted.insert(mark)
        }
        return against.name
    }

    /// The entry that a login means.
    private func entry(_ login: String) -> Entry? {
        let login = login.lowercased()
        return current { book in
            book.entries.first { $0.name == login }
                ?? book.entries.first { AccountRegistry.localPart($0.name) == login }
        }
    }

    /// The hash of SCRAM whose keys follow from the file.
    package static let scramHash = SASLHash.sha256

    /// The user whose login this is, and its keys for SCRAM-SHA-256. For a login that is nobody's they are made up: the
    /// same each time and over restarts, for their source is the first user's hash, which never leaves us.
    package func scramKeys(_ login: String) -> (user: String, keys: SCRAMKeys) {
        func keys(_ entry: Entry) -> SCRAMKeys {
            SCRAMKeys(
                UserFile.scramHash, salt: entry.salt, iterations: entry.iterations,
                saltedPassword: SecretBytes(entry.hash))
        }
        if let entry = entry(login) { return (entry.name, keys(entry)) }
        let model = current { $0.entries.first }
        let source = model.map { SymmetricKey(data: $0.hash) } ?? cacheKey
        func code(_ purpose: String) -> [UInt8] {
            Array(HMAC<SHA256>.authenticationCode(for: Array((purpose + login.lowercased()).utf8), using: source))
        }
        return (
            login,
            keys(
                Entry(
                    name: login, iterations: model?.iterations ?? iterations,
                    salt: Array(code("no such user, salt: ").prefix(model?.salt.count ?? 16)),
                    hash: code("no such user, hash: ")))
        )
    }

    /// Binds user, stored hash and password under a key of this process: with another password in the file it fits no
    /// more.
    private func mark(_ entry: Entry, _ password: SecretText) -> [UInt8] {
        password.withRevealed { text in
            var code = HMAC<SHA256>(key: cacheKey)
            code.update(data: Array(entry.name.utf8) + [0] + entry.hash + [0])
            code.update(data: Array(text.utf8))
            return Array(code.finalize())
        }
    }

    /// Compares in a time that does not depend on where they differ.
    static func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// PBKDF2 with HMAC-SHA-256 and one block of output (RFC 8018 §5.2), of the password as SCRAM prepares it (RFC 5802 §2.2):
    /// however it is typed and whichever mechanism shows it, it is the same. What can't be prepared is taken as it is.
    static func derive(_ password: SecretText, salt: [UInt8], iterations: Int) -> [UInt8] {
        password.withRevealed { text in
            let keyed = HMAC<SHA256>(key: SymmetricKey(data: Array((SASLText.prepared(text) ?? text).utf8)))
            func code(_ data: [UInt8]) -> [UInt8] {
                var copy = keyed
                copy.update(data: data)
                return Array(copy.finalize())
            }
            var block = code(salt + [0, 0, 0, 1])
            var result = block
            for _ in 1..<max(1, iterations) {
                block = code(block)
                for index in result.indices { result[index] ^= block[index] }
            }
            return result
        }
    }

    private func current<R: Sendable>(_ body: (borrowing Book) -> R) -> R {
        book.withLock { book in
            // A file that broke while we run does not lock out those who were in it.
            try? read(&book)
            return body(book)
        }
    }

    @discardableResult
    private func change(_ body: (inout [Entry]) -> Bool) throws(StoreError) -> Bool {
        try book.withLock { book throws(StoreError) in
            try read(&book)
            var entries = book.entries
            guard body(&entries) else { return false }
            let text = entries.map { entry in
                let salted = "\(UserFile.hex(entry.salt))$\(UserFile.hex(entry.hash))"
                return "\(entry.name):$pbkdf2-sha256$\(entry.iterations)$\(salted)\n"
            }.joined()
            let slash = path.lastIndex(of: "/")
            let directory = slash.map { String(path[..<$0]) } ?? "."
            let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
            do throws(FileError) { try files.replaceFile(directory, name, Array(text.utf8)) } catch {
                throw .failed(error.description)
            }
            book.entries = entries
            book.status = nil
            book.accepted.removeAll()
            return true
        }
    }

    private func read(_ book: inout Book) throws(StoreError) {
        let status: FileStatus
        let bytes: [UInt8]
        do throws(FileError) {
            status = try files.status(path)
            if status == book.status { return }
            bytes = try files.contents(path) ?? []
        } catch {
            guard error.isMissing else { throw .failed(error.description) }
            book = Book()
            return
        }
        guard status.mode & 0o077 == 0 else { throw .unsafePermissions(path, status.mode) }
        book.entries = try UserFile.parse(bytes, path: path)
        book.status = status
        book.accepted.removeAll()
    }

    private static func parse(_ bytes: [UInt8], path: String) throws(StoreError) -> [Entry] {
        var entries: [Entry] = []
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty && line.first != UInt8(ascii: "#") {
            let parts = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            let fields = parts.count == 2 ? parts[1].split(separator: UInt8(ascii: "$")) : []
            guard fields.count == 4, fields[0].elementsEqual("pbkdf2-sha256".utf8), !parts[0].isEmpty,
                let iterations = UIDList.decimal(fields[1]), (1...10_000_000).contains(iterations),
                let salt = unhex(fields[2]), let hash = unhex(fields[3]), hash.count == 32
            else { throw .damaged(path, line: index + 1) }
            let name = String(decoding: parts[0], as: UTF8.self).lowercased()
            entries.append(Entry(name: name, iterations: Int(iterations), salt: salt, hash: hash))
        }
        return entries
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [SafeName.hexDigit($0 >> 4), SafeName.hexDigit($0 & 0xF)] }, as: UTF8.self)
    }

    private static func unhex(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        var result: [UInt8] = []
        var rest = digits
        while let high = rest.popFirst(), let low = rest.popFirst() {
            guard let high = SafeName.hexValue(high), let low = SafeName.hexValue(low) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }
}
