internal import FluxonEtcd
private import SwiftProtobuf

/// One watch stream: brings its watchers up to date as fast as the stream takes it. On the server's thread only.
package final class WatchSession {
    /// How much history one response may carry, in bytes.
    private static let batchBytes = 1 << 20

    private var watchers = WatcherSet()
    private let store: MetadataStore
    private let send: ([UInt8]) -> Void
    /// While the stream is not writable the watchers wait, and read on from the file later.
    private let isWritable: () -> Bool

    init(store: MetadataStore, send: @escaping ([UInt8]) -> Void, isWritable: @escaping () -> Bool) {
        self.store = store
        self.send = send
        self.isWritable = isWritable
    }

    /// - Parameter committed: The newest revision that is durable.
    /// - Throws: What decoding or the store throws; the stream must end then.
    package func receive(_ message: [UInt8], committed: Int64) throws {
        let request = try WireWatchRequest(serializedBytes: message)
        let header = header(committed)
        switch request.requestUnion {
        case .createRequest(let create):
            try respond(watchers.create(create, header: header))
            try pump(committed: committed, latest: nil)
        case .cancelRequest(let cancel):
            if let response = watchers.cancel(cancel.watchID, header: header) { try respond(response) }
        case .progressRequest:
            // The answer is a promise that everything up to its revision was sent: a stream that lags gives none.
            try pump(committed: committed, latest: nil)
            if (watchers.oldestNeeded ?? .max) > committed { try respond(watchers.progress(header: header)) }
        case nil: break
        }
    }

    /// Sends what the watchers have not seen, until all is sent or the stream is full.
    ///
    /// - Parameter latest: The changes of the last commit, which need not be read again.
    package func pump(committed: Int64, latest: [MetadataStore.Revision]?) throws {
        let header = header(committed)
        for response in watchers.cancelBefore(store.compactedRevision, header: header) { try respond(response) }
        while let oldest = watchers.oldestNeeded, oldest <= committed, isWritable() {
            if let latest, let first = latest.first?.number, oldest >= first {
                for response in watchers.deliver(latest, through: committed, header: header) { try respond(response) }
                continue
            }
            let revisions = try store.history(from: oldest, through: committed, byteCount: Self.batchBytes)
            let last = revisions.last?.number ?? committed
            for response in watchers.deliver(revisions, through: last, header: header) { try respond(response) }
        }
    }

    private func header(_ committed: Int64) -> WireResponseHeader {
        var header = store.header()
        header.revision = committed
        return header
    }

    private func respond(_ response: WireWatchResponse) throws {
        send(try response.serializedBytes())
    }
}
