// Reads exchanges and messages of sessions from the segments that hold them, for the index of a recorder that did not ask the
// sessions for them, and for a filter that can't wait until it did.

import MailCapture
import MailRecording
import MailStore

enum RecordedRows {
    /// What the recorder uses.
    /// - Parameter keepsText: messages are told with their text.
    static func reader(keepsText: Bool) -> RowReader {
        { sessions, goesOn, emit in try read(sessions, keepsText, goesOn, isPatient: false, emit) }
    }

    /// Reads sessions where they are.
    static func read(
        _ sessions: [UnreadSession], _ keepsText: Bool, fields: [String] = [], _ goesOn: () -> Bool,
        isPatient: Bool = false, _ emit: (RecordEvent) throws -> Void
    ) throws {
        let stretches = SessionReader.Stretch.joining(
            sessions.flatMap(\.places).map { place in
                let (first, end) = (Int(place.extent.first), Int(place.extent.end))
                return SessionReader.Stretch(path: place.path, octets: first..<max(first, end))
            })
        var reader = SessionReader(only: Set(sessions.map(\.id)))
        reader.keepsText = keepsText
        reader.keepsFields = fields
        // Rows are made of what is known of octets.
        reader.tellsOctets = false
        var rows: [String: ExchangeRows] = [:]
        try reader.read(stretches, while: goesOn, isPatient: isPatient) { batch in
            let id = batch.session.info.id
            for row in rows[id, default: ExchangeRows()].take(batch) { try emit(.exchange(session: id, row)) }
            for event in batch.events {
                switch event {
                case .message, .credential: try emit(event)
                case .closed:
                    rows[id] = nil
                    try emit(event)
                case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .exchange: break
                }
            }
        }
        SessionCatalog.complain(of: reader.missing)
    }
}
