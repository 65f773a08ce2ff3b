import FluxonEtcd
import Foundation
import Testing

@Suite struct WatchCursorTests {
    var cursor = WatchCursor(keys: .prefix("a"), from: 0, wantsPrevious: false)

    private func response(revision: Int64, cluster: UInt64 = 1, _ change: (inout WireWatchResponse) -> Void = { _ in }) -> WireWatchResponse
    {
        var response = WireWatchResponse()
        response.header.revision = revision
        response.header.clusterID = cluster
        change(&response)
        return response
    }

    private func event(_ revision: Int64) -> WireEvent {
        var event = WireEvent()
        event.kv.key = Data("a".utf8)
        event.kv.modRevision = revision
        return event
    }

    @Test("a watch that saw no event goes on from the revision at which it began")
    mutating func resumeWithoutEvents() {
        #expect(cursor.request().createRequest.startRevision == 0)
        #expect(cursor.received(response(revision: 7) { $0.created = true }) == .started(revision: 7))
        #expect(cursor.request().createRequest.startRevision == 8)
    }

    @Test("a watch goes on after the last event that it delivered, and delivers none twice")
    mutating func resume() {
        _ = cursor.request()
        _ = cursor.received(response(revision: 7) { $0.created = true })
        let events = response(revision: 9) { $0.events = [event(8), event(9)] }
        guard case .events(let delivered, revision: 9) = cursor.received(events) else {
            Issue.record("no events")
            return
        }
        #expect(delivered.count == 2)
        #expect(cursor.request().createRequest.startRevision == 10)
        _ = cursor.received(response(revision: 9) { $0.created = true })
        #expect(cursor.received(events) == .none)
    }

    @Test("the fragments of a response are delivered together")
    mutating func fragments() {
        _ = cursor.request()
        _ = cursor.received(response(revision: 7) { $0.created = true })
        let first = response(revision: 9) {
            $0.events = [event(8), event(9)]
            $0.fragment = true
        }
        #expect(cursor.received(first) == .none)
        #expect(cursor.next == 8)
        guard case .events(let delivered, revision: 9) = cursor.received(response(revision: 9) { $0.events = [event(9)] }) else {
            Issue.record("no events")
            return
        }
        #expect(delivered.count == 3)
    }

    @Test("a server that has not seen what was told already is left; when it stays so, it counts as one with another history")
    mutating func rolledBack() {
        _ = cursor.request()
        _ = cursor.received(response(revision: 7) { $0.created = true })
        for _ in 1..<WatchCursor.mostTimesBehind {
            _ = cursor.request()
            guard case .lost = cursor.received(response(revision: 6) { $0.created = true }) else {
                Issue.record("the watch stayed")
                return
            }
        }
        _ = cursor.request()
        #expect(cursor.received(response(revision: 6) { $0.created = true }) == .compacted(revision: 6))
    }

    @Test("progress moves nothing")
    mutating func progress() {
        _ = cursor.request()
        _ = cursor.received(response(revision: 7) { $0.created = true })
        #expect(cursor.received(response(revision: 100) { $0.watchID = -1 }) == .none)
        #expect(cursor.next == 8)
    }

    @Test("compaction, another cluster and refusal are told apart")
    mutating func ends() {
        _ = cursor.request()
        _ = cursor.received(response(revision: 7) { $0.created = true })
        let compacted = response(revision: 9) {
            $0.compactRevision = 9
            $0.canceled = true
        }
        #expect(cursor.received(compacted) == .compacted(revision: 9))
        #expect(cursor.received(response(revision: 3, cluster: 2)) == .compacted(revision: 3))
        let denied = response(revision: 3, cluster: 2) {
            $0.canceled = true
            $0.cancelReason = "rpc error: code = PermissionDenied desc = etcdserver: permission denied"
        }
        #expect(cursor.received(denied) == .denied(reason: denied.cancelReason))
        #expect(cursor.received(response(revision: 3, cluster: 2) { $0.canceled = true }) == .lost(reason: "etcd cancelled the watch"))
    }
}
