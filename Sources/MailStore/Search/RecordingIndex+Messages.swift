// Which sessions carried a message.

import MailRecording

extension RecordingIndex {
    /// Ids of sessions that may have carried a message with this Message-ID: those that did, and those of which not all rows are there.
    /// - Parameter id: without angle brackets.
    package func sessions(withMessageID id: String) throws(RecordingIndexError) -> Set<String> {
        var found: Set<String> = []
        try guarded { () throws(DatabaseError) in
            let open = try database.prepare("SELECT id FROM sessions WHERE settled = 0")
            defer { open.reset() }
            while try open.step() { found.insert(open.text(0) ?? "") }
            let statement = try database.prepare(
                """
                SELECT DISTINCT s.id FROM messages m JOIN sessions s ON s.row = m.session
                WHERE m.message_id = ? OR instr(m.message_id, ?) > 0
                """)
            defer { statement.reset() }
            statement.bind(1, id)
            statement.bind(2, "<\(id)>")
            while try statement.step() { found.insert(statement.text(0) ?? "") }
        }
        return found
    }
}
