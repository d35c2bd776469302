// What a server keeps of a password for SCRAM, and the proofs of both sides (RFC 5802 §3):
//
//     ClientProof     = ClientKey XOR HMAC(StoredKey, AuthMessage)     StoredKey = H(ClientKey)
//     ServerSignature = HMAC(ServerKey, AuthMessage)

/// What a server keeps of a password. Who has it can't log in with it elsewhere, but can guess the password by trying.
package struct SCRAMKeys: Equatable, Sendable {
    package let hash: SASLHash
    package let salt: [UInt8]
    package let iterations: Int
    package let storedKey: SecretBytes
    package let serverKey: SecretBytes

    package init(
        _ hash: SASLHash, salt: [UInt8], iterations: Int, storedKey: SecretBytes, serverKey: SecretBytes
    ) {
        self.hash = hash
        self.salt = salt
        self.iterations = iterations
        self.storedKey = storedKey
        self.serverKey = serverKey
    }

    /// The keys of a salted password: SaltedPassword of RFC 5802 §3, which is PBKDF2 with one block of output.
    package init(_ hash: SASLHash, salt: [UInt8], iterations: Int, saltedPassword: SecretBytes) {
        let (client, server) = Self.keys(hash, saltedPassword)
        self.init(
            hash, salt: salt, iterations: iterations, storedKey: SecretBytes(client.withRevealed(hash.hash)),
            serverKey: server)
    }

    /// The keys of a password; nil when the iterations are none or beyond `SASLHash.mostIterations`, or the password
    /// can't be prepared.
    package init?(_ hash: SASLHash, salt: [UInt8], iterations: Int, password: SecretBytes) {
        guard let salted = Self.salted(hash, password, salt, iterations) else { return nil }
        self.init(hash, salt: salt, iterations: iterations, saltedPassword: salted)
    }

    /// The password, prepared (RFC 5802 §2.2) and salted. What is not UTF-8 can't be prepared and is taken as it is.
    static func salted(_ hash: SASLHash, _ password: SecretBytes, _ salt: [UInt8], _ iterations: Int) -> SecretBytes? {
        let prepared: SecretBytes? = password.withRevealed { octets in
            guard SASLText.isUTF8(octets) else { return password }
            return SASLText.prepared(octets[...].text).map { SecretBytes($0) }
        }
        return prepared.flatMap { hash.salted($0, salt: salt, iterations: iterations) }
    }

    /// ClientKey and ServerKey.
    static func keys(_ hash: SASLHash, _ saltedPassword: SecretBytes) -> (client: SecretBytes, server: SecretBytes) {
        saltedPassword.withRevealed { salted in
            (
                SecretBytes(hash.code(salted, Array("Client Key".utf8))),
                SecretBytes(hash.code(salted, Array("Server Key".utf8)))
            )
        }
    }

    /// The client knows the password.
    package func isProven(by proof: [UInt8], over authMessage: [UInt8]) -> Bool {
        guard proof.count == hash.size else { return false }
        let signature = storedKey.withRevealed { hash.code($0, authMessage) }
        let clientKey = zip(proof, signature).map { $0 ^ $1 }
        return storedKey == SecretBytes(hash.hash(clientKey))
    }

    /// ServerSignature: proves to the client that we have these keys.
    package func signature(over authMessage: [UInt8]) -> [UInt8] {
        serverKey.withRevealed { hash.code($0, authMessage) }
    }

    /// ClientProof.
    static func proof(_ hash: SASLHash, clientKey: SecretBytes, over authMessage: [UInt8]) -> [UInt8] {
        clientKey.withRevealed { key in
            zip(key, hash.code(hash.hash(key), authMessage)).map { $0 ^ $1 }
        }
    }
}
