// What the filler has read goes into the index, on the recorder's thread.

extension RecorderWorker {
    func take(_ rows: RowFiller.Rows) {
        for row in rows.rows {
            switch row {
            case .exchange(let exchange, session: let session): index.save(exchange, session: session, now)
            case .message(let message, number: let number, session: let session):
                index.save(message, number: number, session: session, now)
            case .credential(let credential, number: let number, session: let session):
                index.save(credential, number: number, session: session, isNew: true, now)
            case .summary(let summary, session: let session): index.complete(summary, row: session, now)
            }
        }
        for session in rows.read { index.finishReading(session: session, now) }
        if let failure = rows.failure {
            if failure != unreadFailure {
                settings.log("exchanges and messages of some sessions are not in the index: \(failure)")
            }
            unreadFailure = failure
            index.markIncomplete(now)
        }
        backlog?.took(rows, now)
    }
}
