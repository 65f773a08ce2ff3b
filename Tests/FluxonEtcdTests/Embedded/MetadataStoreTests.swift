import FluxonTestFiles
import FluxonEtcd
import FluxonEtcdEmbedded
import Foundation
import Testing

@Suite struct MetadataStoreTests {
    let folder: TemporaryFolder
    let store: MetadataStore

    init() throws {
        folder = try TemporaryFolder()
        store = try MetadataStore(path: folder.file("metadata.sqlite"))
    }

    private func put(_ key: String, _ value: String, lease: Int64 = 0) throws {
        _ = try store.put(WirePutRequest(key, value, lease: lease))
    }

    @Test("a put counts the store's revision and the key's version up, and keeps the key's first revision")
    func putCounts() throws {
        #expect(store.revision == 1)
        try put("a", "1")
        let response = try store.put(WirePutRequest("a", "2", previous: true))
        #expect(response.header.revision == 3)
        #expect(response.prevKv.value == Data("1".utf8))
        let found = try store.range(WireRangeRequest("a")).kvs[0]
        #expect(found.createRevision == 2 && found.modRevision == 3 && found.version == 2 && found.value == Data("2".utf8))
    }

    @Test("a key that was deleted begins again at version 1")
    func deletedKey() throws {
        try put("a", "1")
        #expect(try store.deleteRange(WireDeleteRangeRequest("a")).deleted == 1)
        #expect(try store.range(WireRangeRequest("a")).kvs.isEmpty)
        try put("a", "2")
        let found = try store.range(WireRangeRequest("a")).kvs[0]
        #expect(found.createRevision == 4 && found.version == 1)
    }

    @Test("a delete of nothing makes no revision")
    func deleteOfNothing() throws {
        #expect(try store.deleteRange(WireDeleteRangeRequest("a", end: "z")).header.revision == 1)
    }

    @Test("a range reads any revision that is not compacted")
    func rangeAtRevision() throws {
        try put("a", "1")
        try put("b", "1")
        try put("a", "2")
        _ = try store.deleteRange(WireDeleteRangeRequest("b"))
        #expect(try store.range(WireRangeRequest("a", end: "c", revision: 3)).pairs == ["a=1", "b=1"])
        #expect(try store.range(WireRangeRequest("a", end: "c", revision: 4)).pairs == ["a=2", "b=1"])
        #expect(try store.range(WireRangeRequest("a", end: "c")).pairs == ["a=2"])
        #expect(throws: EtcdFault.futureRevision) { try store.range(WireRangeRequest("a", revision: 6)) }
    }

    @Test("after a compaction older revisions are refused, newer ones answer as before")
    func compaction() throws {
        for value in 1...4 { try put("a", "\(value)") }
        try put("b", "1")
        _ = try store.deleteRange(WireDeleteRangeRequest("b"))
        try store.compact(4)
        #expect(throws: EtcdFault.compacted) { try store.range(WireRangeRequest("a", revision: 3)) }
        #expect(try store.range(WireRangeRequest("a", revision: 4)).pairs == ["a=3"])
        #expect(try store.range(WireRangeRequest("a", end: "z", revision: 6)).pairs == ["a=4", "b=1"])
        #expect(throws: EtcdFault.compacted) { try store.compact(4) }
        #expect(throws: EtcdFault.futureRevision) { try store.compact(100) }
        try store.compact(7)
        #expect(try store.history(from: 7, through: 7).first?.events.first?.type == .delete)
        #expect(try store.range(WireRangeRequest("a", end: "z", revision: 7)).pairs == ["a=4"])
    }

    @Test("limit, more and count: the count is of all keys in the range")
    func limit() throws {
        for key in ["a", "b", "c"] { try put(key, "1") }
        let response = try store.range(WireRangeRequest("a", end: "z", limit: 2))
        #expect(response.keys == ["a", "b"] && response.more && response.count == 3)
        let countOnly = try store.range(.with(.all) { $0.countOnly = true })
        #expect(countOnly.kvs.isEmpty && countOnly.count == 3)
        let keysOnly = try store.range(.with(.all) { $0.keysOnly = true })
        #expect(keysOnly.pairs == ["a=", "b=", "c="])
    }

    @Test(
        "ranges sort by every target",
        arguments: [
            (WireRangeRequest.SortTarget.key, ["c", "b", "a"]), (.version, ["a", "b", "c"]), (.create, ["a", "b", "c"]),
            (.mod, ["a", "c", "b"]), (.value, ["b", "c", "a"]),
        ])
    func sort(target: WireRangeRequest.SortTarget, descending: [String]) throws {
        try put("c", "x")
        try put("b", "z")
        for value in ["3", "2"] { try put("a", value) }
        try put("b", "y")
        try put("c", "x")
        try put("a", "1")
        let response = try store.range(
            .with(.all) {
                $0.sortOrder = .descend
                $0.sortTarget = target
            })
        #expect(response.keys == descending)
    }

    @Test("bounds on revisions drop keys before the limit is applied")
    func bounds() throws {
        for key in ["a", "b", "c"] { try put(key, "1") }
        let response = try store.range(
            .with(.all) {
                $0.minModRevision = 3
                $0.limit = 1
            })
        #expect(response.keys == ["b"] && response.more)
    }

    @Test("a transaction takes one branch, in one revision, and its reads see its own writes")
    func transaction() throws {
        let request = WireTxnRequest(
            if: [.createRevision(of: "a", is: 0)], then: [.put("a", "1"), .put("b", "1"), .range("a")], else: [.range("a")])
        let won = try store.transaction(request)
        #expect(won.succeeded && won.header.revision == 2 && won.responses[2].responseRange.pairs == ["a=1"])
        let lost = try store.transaction(request)
        #expect(!lost.succeeded && lost.header.revision == 2 && lost.responses[0].responseRange.pairs == ["a=1"])
        #expect(try store.range(WireRangeRequest("b")).kvs[0].modRevision == 2)
    }

    @Test("a nested transaction is decided on the state before the first write")
    func nestedTransaction() throws {
        let nested = WireTxnRequest(if: [.createRevision(of: "a", is: 0)], then: [.put("b", "then")], else: [.put("b", "else")])
        let response = try store.transaction(WireTxnRequest(if: [], then: [.put("a", "1"), .transaction(nested)]))
        #expect(response.responses[1].responseTxn.succeeded)
        #expect(try store.range(WireRangeRequest("b")).pairs == ["b=then"])
    }

    @Test("a transaction that would fail half way changes nothing")
    func refusedTransaction() throws {
        var put = WireRequestOp()
        put.requestPut = WirePutRequest("b", "1", lease: 999)
        #expect(throws: EtcdFault.leaseNotFound) { try store.transaction(WireTxnRequest(if: [], then: [.put("a", "1"), put])) }
        #expect(store.revision == 1)
        #expect(throws: EtcdFault.futureRevision) {
            try store.transaction(WireTxnRequest(if: [], then: [.put("a", "1"), .range("a", revision: 99)]))
        }
        #expect(try store.range(WireRangeRequest("a")).kvs.isEmpty)
    }

    @Test(
        "a transaction that writes a key twice is refused",
        arguments: [
            [WireRequestOp.put("a", "1"), .put("a", "2")],
            [.delete("a", end: "c"), .put("b", "1")],
            [.put("a", "1"), .transaction(WireTxnRequest(if: [], then: [], else: [.put("a", "2")]))],
            [.put("a", "1"), .transaction(WireTxnRequest(if: [], then: [.delete("a")]))],
        ])
    func duplicateKeys(operations: [WireRequestOp]) {
        #expect(throws: EtcdFault.duplicateKey) { try store.transaction(WireTxnRequest(if: [], then: operations)) }
    }

    @Test("the two branches of a nested transaction may write the same key")
    func exclusiveBranches() throws {
        let nested = WireTxnRequest(if: [], then: [.put("a", "1")], else: [.put("a", "2")])
        #expect(try store.transaction(WireTxnRequest(if: [], then: [.transaction(nested)])).succeeded)
    }

    @Test("what the client leaves out or sends twice is refused as etcd refuses it")
    func refusals() throws {
        #expect(throws: EtcdFault.emptyKey) { try store.put(WirePutRequest("", "1")) }
        #expect(throws: EtcdFault.emptyKey) { try store.range(WireRangeRequest("")) }
        var put = WirePutRequest("a", "")
        put.ignoreValue = true
        #expect(throws: EtcdFault.keyNotFound) { try store.put(put) }
        put.value = Data([1])
        #expect(throws: EtcdFault.valueProvided) { try store.put(put) }
        let many = Array(repeating: WireRequestOp.range("a"), count: TransactionCheck.mostOperations + 1)
        #expect(throws: EtcdFault.tooManyOperations) { try store.transaction(WireTxnRequest(if: [], then: many)) }
    }

    @Test("the end of a lease deletes its keys in one revision")
    func lease() throws {
        try store.insertLease(7, ttl: 10)
        try put("b", "1", lease: 7)
        try put("a", "1", lease: 7)
        try put("c", "1")
        #expect(try store.keys(ofLease: 7) == [Array("a".utf8), Array("b".utf8)])
        _ = try store.commit()
        try store.removeLease(7)
        let revisions = try store.commit()
        #expect(revisions.map(\.number) == [5] && revisions[0].events.count == 2)
        #expect(try store.range(.with(.all) { _ in }).pairs == ["c=1"])
    }

    @Test("history holds each change with what was there before")
    func history() throws {
        try put("a", "1")
        try put("a", "2")
        _ = try store.deleteRange(WireDeleteRangeRequest("a"))
        let revisions = try store.history(from: 2, through: 4)
        #expect(revisions.map(\.number) == [2, 3, 4])
        #expect(!revisions[0].events[0].hasPrevKv)
        #expect(revisions[1].events[0].prevKv.value == Data("1".utf8))
        #expect(revisions[2].events[0].type == .delete && revisions[2].events[0].prevKv.value == Data("2".utf8))
        #expect(try store.history(from: 2, through: 4, byteCount: 1).map(\.number) == [2])
    }

    @Test("what was committed is there after a reopening, what was not is gone")
    func reopening() throws {
        let path = folder.file("reopened.sqlite")
        do {
            let first = try MetadataStore(path: path)
            _ = try first.put(WirePutRequest("a", "1"))
            try first.insertLease(7, ttl: 10)
            _ = try first.commit()
            _ = try first.put(WirePutRequest("a", "2"))
        }
        let second = try MetadataStore(path: path)
        #expect(second.revision == 2)
        #expect(try second.range(WireRangeRequest("a")).pairs == ["a=1"])
        #expect(try second.leases().map(\.id) == [7])
    }

    @Test("a file that is open, foreign or no database is refused with its path")
    func refusedFiles() throws {
        let path = folder.file("metadata.sqlite")
        #expect(throws: MetadataStoreError.inUse(path: path)) { try MetadataStore(path: path) }
        let garbage = folder.file("garbage")
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: garbage))
        #expect(throws: MetadataStoreError.self) { try MetadataStore(path: garbage) }
        #expect(throws: MetadataStoreError.self) { try MetadataStore(path: folder.file("missing/metadata.sqlite")) }
    }
}
