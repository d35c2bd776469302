// One TLS connection of `SomeTLS`, as turns, and what comes of it.

import Foundation
import MailCapture
import MailDialogue
import MailRecording

struct Sample: Sendable {
    let turns: Turns
    let keys: String

    init(turns: String, keys: String) {
        self.turns = turns.split(separator: "\n").map { line in
            (line.hasPrefix("C") ? .client : .server, [UInt8](Data(base64Encoded: String(line.dropFirst(2))) ?? Data()))
        }
        self.keys = keys
    }

    /// The same with other octets in a turn.
    init(turns: Turns, keys: String) {
        self.turns = turns
        self.keys = keys
    }

    var log: TLSKeyLog {
        var log = TLSKeyLog()
        log.add(Array(keys.utf8)[...])
        return log
    }

    /// What a follower tells of it.
    func follow(keys: TLSKeyLog?, chunk: Int = .max) -> Followed {
        var follower = TLSFollower(how: .implicit, keys: keys)
        var pieces: [TLSFollower.Piece] = []
        for (side, octets) in turns {
            var rest = octets[...]
            while !rest.isEmpty {
                follower.receive(rest.prefix(chunk), from: side, into: &pieces)
                rest = rest.dropFirst(chunk)
            }
        }
        follower.finish()
        return Followed(follower, pieces)
    }
}

struct Followed: Equatable {
    var observation: TLSObservation
    var reading: TLSFollower.Reading
    var failure: String?
    var client = ""
    var server = ""
    var gaps = 0
    var stops = 0

    init(_ follower: TLSFollower, _ pieces: [TLSFollower.Piece]) {
        observation = follower.observation
        reading = follower.reading
        failure = follower.failure
        for piece in pieces {
            switch piece {
            case .octets(.client, let octets): client += String(decoding: octets, as: UTF8.self)
            case .octets(.server, let octets): server += String(decoding: octets, as: UTF8.self)
            case .gap: gaps += 1
            case .stopped: stops += 1
            }
        }
    }
}
