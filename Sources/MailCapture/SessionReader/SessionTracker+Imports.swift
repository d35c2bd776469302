// Sessions without packets, as files of other programs tell them.

import MailDialogue
import MailRecording

extension SessionTracker {
    /// Takes what a file tells next. Its sessions come one behind the other.
    mutating func accept(_ event: TranscriptReader.Event, deliver: (SessionBatch) throws -> Void) rethrows {
        switch event {
        case .opened(let server, let time, let isWhole, let format):
            imported += 1
            // Nobody knows the client's address.
            let flow = Flow(-imported, SocketAddress(ip: .v4(0), port: 0), server, NanosecondTime.of(time), !isWhole)
            flow.route = format.route + (isWhole ? "" : ImportFormat.late)
            flows[-imported] = flow
        case .octets(let side, let octets, let time):
            try take(.bytes(flow: -imported, side: side, time: NanosecondTime.of(time), octets, packet: 0), deliver)
        case .missing(let side, let time):
            try take(.gap(flow: -imported, side: side, count: 0, time: NanosecondTime.of(time)), deliver)
        case .secured(let leg, let time):
            guard let flow = flows[-imported] else { return }
            switch flow.state {
            case .fresh, .entering, .undecided: flow.tls = leg
            case .following(let session):
                var events: [RecordEvent] = []
                session.observer.secured(
                    tls: leg, upstreamTLS: nil, at: session.observer.clock(NanosecondTime.of(time)), events: &events)
                session.identify(flow)
                var batch = batch(session, at: time)
                batch.events += events
                try hand(&batch, deliver)
            case .sealed, .ignored: break
            }
        case .closed(let end, let time):
            try take(.closed(flow: -imported, how: end, time: NanosecondTime.of(time)), deliver)
        }
    }

    /// The file ends where nothing more of it is understood.
    mutating func breakOff(deliver: (SessionBatch) throws -> Void) rethrows {
        guard let flow = flows[-imported] else { return }
        try take(.closed(flow: -imported, how: .endOfCapture, time: NanosecondTime.of(flow.start)), deliver)
    }
}
