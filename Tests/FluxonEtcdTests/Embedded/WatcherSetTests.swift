import FluxonEtcd
import FluxonEtcdEmbedded
import Foundation
import Testing

@Suite struct WatcherSetTests {
    var watchers = WatcherSet()

    private func header(_ revision: Int64) -> WireResponseHeader {
        var header = WireResponseHeader()
        header.revision = revision
        return header
    }

    private func request(_ key: String, end: String = "", from start: Int64 = 0) -> WireWatchCreateRequest {
        var request = WireWatchCreateRequest()
        request.key = Data(key.utf8)
        request.rangeEnd = Data(end.utf8)
        request.startRevision = start
        return request
    }

    private func revision(_ number: Int64, _ key: String, deleted: Bool = false, byteCount: Int = 1) -> MetadataStore.Revision {
        var event = WireEvent()
        event.type = deleted ? .delete : .put
        event.kv.key = Data(key.utf8)
        event.kv.modRevision = number
        event.kv.value = deleted ? Data() : Data(repeating: 1, count: byteCount)
        event.prevKv.key = event.kv.key
        return MetadataStore.Revision(number: number, events: [event])
    }

    @Test("a watcher sees its keys from its first revision on, each once")
    mutating func delivery() {
        _ = watchers.create(request("a"), header: header(5))
        _ = watchers.create(request("a", end: "c", from: 3), header: header(5))
        #expect(watchers.oldestNeeded == 3)
        let responses = watchers.deliver([revision(3, "a"), revision(5, "b"), revision(6, "a")], through: 6, header: header(6))
        #expect(responses.map(\.watchID) == [0, 1])
        #expect(responses[0].events.map(\.kv.modRevision) == [6])
        #expect(responses[1].events.map(\.kv.modRevision) == [3, 5, 6])
        #expect(watchers.deliver([revision(6, "a")], through: 6, header: header(6)).isEmpty)
    }

    @Test("filters hide puts or deletes; the previous value comes only if asked for")
    mutating func filters() {
        var noPuts = request("a")
        noPuts.filters = [.noput]
        var noDeletes = request("a")
        noDeletes.filters = [.nodelete]
        noDeletes.prevKv = true
        _ = watchers.create(noPuts, header: header(1))
        _ = watchers.create(noDeletes, header: header(1))
        let responses = watchers.deliver([revision(2, "a"), revision(3, "a", deleted: true)], through: 3, header: header(3))
        #expect(responses[0].events.map(\.type) == [.delete] && !responses[0].events[0].hasPrevKv)
        #expect(responses[1].events.map(\.type) == [.put] && responses[1].events[0].hasPrevKv)
    }

    @Test("a watcher that needs compacted revisions is cancelled with the compaction's revision")
    mutating func compaction() {
        _ = watchers.create(request("a", from: 3), header: header(9))
        _ = watchers.create(request("a", from: 5), header: header(9))
        let responses = watchers.cancelBefore(5, header: header(9))
        #expect(responses.count == 1 && responses[0].canceled && responses[0].compactRevision == 5 && responses[0].watchID == 0)
        #expect(watchers.count == 1)
    }

    @Test("a watcher's id is free to choose, but once")
    mutating func identifiers() {
        var chosen = request("a")
        chosen.watchID = 1
        #expect(watchers.create(chosen, header: header(1)).watchID == 1)
        let second = watchers.create(chosen, header: header(1))
        #expect(second.created && second.canceled && second.watchID == WatcherSet.noWatcher)
        #expect(watchers.create(request("a"), header: header(1)).watchID == 0)
        #expect(watchers.create(request("a"), header: header(1)).watchID == 2)
        #expect(watchers.cancel(1, header: header(1))?.canceled == true)
        #expect(watchers.cancel(1, header: header(1)) == nil)
    }

    @Test("a large response is split for a watcher that asked for fragments, and marked")
    mutating func fragments() {
        var fragmented = request("a")
        fragmented.fragment = true
        _ = watchers.create(fragmented, header: header(1))
        let revisions = (2...4).map { revision($0, "a", byteCount: WatcherSet.fragmentBytes * 2 / 3) }
        let responses = watchers.deliver(revisions, through: 4, header: header(4))
        #expect(responses.map(\.fragment) == [true, true, false])
        #expect(responses.flatMap(\.events).count == 3)
    }
}
