package import FluxonEtcd
private import FoundationEssentials

/// The watchers of one stream: what each wants and how far it has come. Revisions in, responses out; no store, no stream.
package struct WatcherSet: Sendable {
    /// Most watchers of one stream.
    package static let most = 10_000
    /// Where a response is split for a watcher that asked for fragments, in bytes.
    package static let fragmentBytes = 1 << 20
    /// The id of a response that belongs to no watcher.
    package static let noWatcher: Int64 = -1

    private struct Watcher: Sendable {
        let keys: EtcdKeyRange
        let wantsPuts: Bool
        let wantsDeletes: Bool
        let wantsPrevious: Bool
        let wantsFragments: Bool
        /// The first revision that it has not seen.
        var next: Int64

        func view(_ event: WireEvent) -> WireEvent? {
            guard event.kv.modRevision >= next, event.type == .delete ? wantsDeletes : wantsPuts, keys.contains(event.kv.key) else {
                return nil
            }
            guard !wantsPrevious else { return event }
            var bare = event
            bare.clearPrevKv()
            return bare
        }
    }

    private var watchers: [Int64: Watcher] = [:]
    private var nextID: Int64 = 0

    package init() {}

    package var count: Int { watchers.count }

    /// The oldest revision that some watcher still needs; nil without watchers.
    package var oldestNeeded: Int64? { watchers.values.lazy.map(\.next).min() }

    /// - Parameter header: With the newest revision that every watcher may know of.
    package mutating func create(_ request: WireWatchCreateRequest, header: WireResponseHeader) -> WireWatchResponse {
        var response = WireWatchResponse()
        response.header = header
        response.created = true
        // An empty key is the smallest one, as in etcd.
        let keys = EtcdKeyRange(start: request.key.isEmpty ? [0] : Array(request.key), end: Array(request.rangeEnd))
        var id = request.watchID
        if id == 0 {
            while watchers[nextID] != nil { nextID += 1 }
            id = nextID
            nextID += 1
        }
        if let refusal = refusal(of: keys, id: id) {
            response.watchID = Self.noWatcher
            response.canceled = true
            response.cancelReason = refusal
            return response
        }
        watchers[id] = Watcher(
            keys: keys, wantsPuts: !request.filters.contains(.noput),
            wantsDeletes: !request.filters.contains(.nodelete), wantsPrevious: request.prevKv, wantsFragments: request.fragment,
            next: request.startRevision == 0 ? header.revision + 1 : request.startRevision)
        response.watchID = id
        return response
    }

    /// In etcd's words.
    private func refusal(of keys: EtcdKeyRange, id: Int64) -> String? {
        if keys.isEmpty { return "mvcc: watcher range is empty" }
        if watchers.count >= Self.most { return "etcdserver: too many watchers" }
        let isTaken = id == Self.noWatcher || watchers[id] != nil
        return isTaken ? "mvcc: duplicate watch ID provided on the WatchStream" : nil
    }

    /// - Returns: Nil when there is no such watcher.
    package mutating func cancel(_ id: Int64, header: WireResponseHeader) -> WireWatchResponse? {
        guard watchers.removeValue(forKey: id) != nil else { return nil }
        var response = WireWatchResponse()
        response.header = header
        response.watchID = id
        response.canceled = true
        return response
    }

    /// Ends the watchers that need what is forgotten, or was never there: a negative revision.
    ///
    /// - Parameter compacted: 0 before the first compaction, which etcd's answers call -1.
    package mutating func cancelBefore(_ compacted: Int64, header: WireResponseHeader) -> [WireWatchResponse] {
        watchers.filter { $0.value.next < compacted }.keys.sorted().compactMap { id in
            var response = cancel(id, header: header)
            response?.compactRevision = compacted == 0 ? -1 : compacted
            response?.cancelReason = EtcdFault.compacted.rawValue
            return response
        }
    }

    /// Moves every watcher past `last`, which is the newest of `revisions` or later.
    ///
    /// - Parameter revisions: All that changed from `oldestNeeded` through `last`.
    package mutating func deliver(_ revisions: [MetadataStore.Revision], through last: Int64, header: WireResponseHeader)
        -> [WireWatchResponse]
    {
        var responses: [WireWatchResponse] = []
        for (id, watcher) in watchers.sorted(by: { $0.key < $1.key }) where watcher.next <= last {
            let events = revisions.flatMap { $0.events.compactMap(watcher.view) }
            watchers[id]?.next = last + 1
            guard !events.isEmpty else { continue }
            var response = WireWatchResponse()
            response.header = header
            response.watchID = id
            response.events = events
            responses += watcher.wantsFragments ? Self.fragments(of: response) : [response]
        }
        return responses
    }

    /// What says how far every watcher is: an answer to a progress request.
    package func progress(header: WireResponseHeader) -> WireWatchResponse {
        var response = WireWatchResponse()
        response.header = header
        response.watchID = Self.noWatcher
        return response
    }

    private static func fragments(of whole: WireWatchResponse) -> [WireWatchResponse] {
        var fragments: [WireWatchResponse] = []
        var part = whole
        part.events = []
        var byteCount = 0
        for event in whole.events {
            let size = event.kv.key.count + event.kv.value.count + event.prevKv.value.count
            if !part.events.isEmpty && byteCount + size > fragmentBytes {
                part.fragment = true
                fragments.append(part)
                part.events = []
                byteCount = 0
            }
            part.events.append(event)
            byteCount += size
        }
        part.fragment = false
        return fragments + [part]
    }
}
