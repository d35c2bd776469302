// What reassembly tells of a flow, told to the observer of its session.

import MailRecording
import MailSessions

extension SessionTracker {
    /// One step of a session. What comes of it is put into `batch`.
    func apply(_ event: FlowEvent, _ observer: inout Observer, _ batch: inout SessionBatch) {
        switch event {
        case .bytes(_, let side, let time, let octets, let packet):
            let time = observer.clock(time)
            batch.time = time
            batch.frame = packet
            observer.receive(octets, from: side, at: time, events: &batch.events, notes: &batch.notes)
        case .gap(_, let side, let count, let time):
            let time = observer.clock(time)
            batch.time = time
            observer.lose(side, octets: count, at: time, events: &batch.events, notes: &batch.notes)
        case .ended(_, let side, let time):
            let time = observer.clock(time)
            batch.time = time
            observer.end(side, at: time, events: &batch.events, notes: &batch.notes)
        case .conflict(_, let side, offset: _, let other, let taken, let time, let packet):
            let time = NanosecondTime.microseconds(time)
            observer.doubt(
                PacketDoubt(.overlap, side, time: time, packet: packet, octets: other.count, copy: taken))
        case .doubt(_, let side, let kind, let octets, let time, let packet):
            let time = NanosecondTime.microseconds(time)
            observer.doubt(
                PacketDoubt(
                    kind, side, time: time, packet: packet, octets: octets, copy: kind == .fragments ? overlap : .first)
            )
        case .opened, .closed: break
        }
        if !batch.isEmpty { batch.passed = observer.takePassed() }
    }
}
