private import FoundationEssentials

/// How far a watch has come, over any number of streams: the rules, without stream or clock.
///
/// It goes on after the last event that it delivered. Progress notifications move nothing: an etcd 3.4 may send one before the events
/// that it speaks of.
package struct WatchCursor: Sendable {
    package enum Outcome: Equatable, Sendable {
        case none
        case started(revision: Int64)
        case events([EtcdEvent], revision: Int64)
        /// What comes next is forgotten, or the server has another history: read the keys again, and watch from there. The watch is over.
        case compacted(revision: Int64)
        /// The watch must be made anew on another stream: a server that has another history, or that gave up by itself.
        case lost(reason: String)
        /// etcd does not allow this watch. It is over, unless a new token helps.
        case denied(reason: String)
    }

    private let keys: EtcdKeyRange
    private let wantsPrevious: Bool
    /// The first revision that was not delivered; 0 = nothing is known yet, begin now.
    package private(set) var next: Int64
    private var clusterID: UInt64?
    private var watchID: Int64?
    /// Streams in a row on which the server was behind what was told.
    private var timesBehind = 0
    /// With the pauses between streams about a second and a half.
    package static let mostTimesBehind = 6
    /// Events of a response whose rest is still to come.
    private var fragments: [WireEvent] = []

    package init(keys: EtcdKeyRange, from next: Int64, wantsPrevious: Bool) {
        self.keys = keys
        self.next = next
        self.wantsPrevious = wantsPrevious
    }

    /// The revision behind one that a server told, whatever it told.
    package static func after(_ revision: Int64) -> Int64 { revision == .max ? revision : revision + 1 }

    /// The first message on a new stream.
    package mutating func request() -> WireWatchRequest {
        watchID = nil
        fragments = []
        var request = WireWatchRequest()
        request.createRequest.key = .init(keys.start)
        request.createRequest.rangeEnd = .init(keys.end)
        request.createRequest.startRevision = next
        request.createRequest.prevKv = wantsPrevious
        request.createRequest.fragment = true
        return request
    }

    package mutating func received(_ response: WireWatchResponse) -> Outcome {
        if let clusterID, clusterID != response.header.clusterID {
            // Revisions of another store mean nothing here.
            self.clusterID = response.header.clusterID
            return .compacted(revision: response.header.revision)
        }
        clusterID = response.header.clusterID
        if response.compactRevision != 0 { return .compacted(revision: response.compactRevision) }
        if response.canceled {
            let reason = response.cancelReason.isEmpty ? "etcd cancelled the watch" : response.cancelReason
            return reason.contains(EtcdFault.permissionDenied.rawValue) || response.created
                ? .denied(reason: reason) : .lost(reason: reason)
        }
        if response.created {
            watchID = response.watchID
            // A server that never saw what was told already lags behind the others, which passes, or lost its data.
            guard next <= Self.after(response.header.revision) else {
                timesBehind += 1
                return timesBehind < Self.mostTimesBehind
                    ? .lost(reason: "the server is at \(response.header.revision), behind \(next)")
                    : .compacted(revision: response.header.revision)
            }
            timesBehind = 0
            // So that a stream that dies before the first event leaves no gap.
            if next == 0 { next = Self.after(response.header.revision) }
            return .started(revision: response.header.revision)
        }
        guard response.watchID == watchID else { return .none }
        // Delivered whole: a revision that was told in part could not be resumed.
        fragments += response.events
        guard !response.fragment else { return .none }
        // Judged at the end: a server may say between the parts that it begins, and where.
        let fresh = fragments.filter { $0.kv.modRevision >= next }
        fragments = []
        guard let last = fresh.last else { return .none }
        next = Self.after(last.kv.modRevision)
        return .events(fresh.map { EtcdEvent($0) }, revision: last.kv.modRevision)
    }
}
