package import FluxonEtcd
private import FoundationEssentials

/// etcd's KV requests on the store. They throw `EtcdFault` for what etcd refuses, else `MetadataStoreError`.
extension MetadataStore {
    package func range(_ request: WireRangeRequest) throws -> WireRangeResponse {
        try TransactionCheck.check(request)
        var response = try read { reader in try Self.range(request, reader) }
        response.header = header()
        return response
    }

    package func put(_ request: WirePutRequest) throws -> WirePutResponse {
        try TransactionCheck.check(request)
        var response = try write { writer in try Self.put(request, &writer) }
        response.header = header()
        return response
    }

    package func deleteRange(_ request: WireDeleteRangeRequest) throws -> WireDeleteRangeResponse {
        try TransactionCheck.check(request)
        var response = try write { writer in try Self.deleteRange(request, &writer) }
        response.header = header()
        return response
    }

    /// A transaction that writes nothing on the branch it takes opens no SQLite transaction: guarded reads are frequent.
    package func transaction(_ request: WireTxnRequest) throws -> WireTxnResponse {
        try TransactionCheck.check(request)
        let branches = try read { reader in
            var branches: [Bool] = []
            try Self.decide(request, reader, &branches)
            var position = 0
            try Self.check(request, branches, &position, reader)
            return branches
        }
        var position = 0
        var response: WireTxnResponse
        if Self.writes(request, branches) {
            response = try write { writer in try Self.run(request, branches, &position, &writer) }
        } else {
            response = try read { reader in
                var writer = StoreWriter(reader: reader)
                return try Self.run(request, branches, &position, &writer)
            }
        }
        response.header = header()
        return response
    }

    /// What every answer begins with.
    package func header() -> WireResponseHeader {
        var header = WireResponseHeader()
        header.clusterID = clusterID
        header.memberID = memberID
        header.revision = revision
        header.raftTerm = 1
        return header
    }

    /// The changes of whole revisions, oldest first, until they are `byteCount` bytes. O(result).
    package func history(from first: Int64, through last: Int64, byteCount: Int = .max) throws -> [Revision] {
        try read { reader in try reader.history(from: first, through: last, byteCount: byteCount) }
    }

    package func insertLease(_ id: Int64, ttl: Int64) throws {
        try write { writer in try writer.insertLease(id, ttl: ttl) }
    }

    package func removeLease(_ id: Int64) throws {
        try write { writer in try writer.removeLease(id) }
    }

    package func keys(ofLease id: Int64) throws -> [[UInt8]] {
        try read { reader in try reader.keys(ofLease: id).map { Array($0) } }
    }

    package func leases() throws -> [(id: Int64, ttl: Int64)] {
        try read { reader in try reader.leases() }
    }

    /// Bytes of the file, and those of them in use. Zero when that cannot be read.
    package func byteCounts() -> (all: Int64, inUse: Int64) {
        (try? read { reader in try reader.byteCounts() }) ?? (0, 0)
    }

    private static func revisionHeader(_ revision: Int64) -> WireResponseHeader {
        var header = WireResponseHeader()
        header.revision = revision
        return header
    }

    private static func range(_ request: WireRangeRequest, _ reader: StoreReader) throws -> WireRangeResponse {
        try reader.check(revision: request.revision)
        var response = WireRangeResponse()
        response.header = revisionHeader(reader.revision)
        response.count = try reader.count(request.keys, at: request.revision)
        guard !request.countOnly else { return response }
        let selection = RangeSelection(request)
        let limit = selection.storeMayLimit ? request.limit.addingReportingOverflow(1) : (partialValue: 0, overflow: true)
        let found = try reader.keyValues(
            request.keys, at: request.revision, limit: limit.overflow ? nil : limit.partialValue, withValues: selection.needsValues)
        (response.kvs, response.more) = selection.apply(to: found)
        return response
    }

    private static func put(_ request: WirePutRequest, _ writer: inout StoreWriter) throws -> WirePutResponse {
        var response = WirePutResponse()
        let previous = try writer.put(request)
        response.header = revisionHeader(writer.revision)
        if request.prevKv, let previous { response.prevKv = previous }
        return response
    }

    private static func deleteRange(_ request: WireDeleteRangeRequest, _ writer: inout StoreWriter) throws -> WireDeleteRangeResponse {
        var response = WireDeleteRangeResponse()
        let deleted = try writer.delete(request.keys)
        response.header = revisionHeader(writer.revision)
        response.deleted = Int64(deleted.count)
        if request.prevKv { response.prevKvs = deleted }
        return response
    }

    /// Which branch each transaction takes, parents before children: all decided on the state before the first write.
    private static func decide(_ request: WireTxnRequest, _ reader: StoreReader, _ branches: inout [Bool]) throws {
        let succeeded = try request.compare.allSatisfy { comparison in
            let found = try reader.keyValues(comparison.keys)
            return found.isEmpty ? comparison.holds(for: nil) : found.allSatisfy { comparison.holds(for: $0) }
        }
        branches.append(succeeded)
        for case .requestTxn(let nested)? in (succeeded ? request.success : request.failure).map(\.request) {
            try decide(nested, reader, &branches)
        }
    }

    /// Refuses what would fail in the middle.
    private static func check(_ request: WireTxnRequest, _ branches: [Bool], _ position: inout Int, _ reader: StoreReader) throws {
        let operations = branches[position] ? request.success : request.failure
        position += 1
        for operation in operations {
            switch operation.request {
            case .requestRange(let range): try reader.check(revision: range.revision)
            case .requestPut(let put):
                if put.ignoreValue || put.ignoreLease, try reader.count(.key(Array(put.key))) == 0 { throw EtcdFault.keyNotFound }
                if put.lease != 0, try reader.leaseTTL(put.lease) == nil { throw EtcdFault.leaseNotFound }
            case .requestTxn(let nested): try check(nested, branches, &position, reader)
            case .requestDeleteRange, nil: break
            }
        }
    }

    private static func writes(_ request: WireTxnRequest, _ branches: [Bool]) -> Bool {
        var position = 0
        return writes(request, branches, &position)
    }

    private static func writes(_ request: WireTxnRequest, _ branches: [Bool], _ position: inout Int) -> Bool {
        let operations = branches[position] ? request.success : request.failure
        position += 1
        var found = false
        for operation in operations {
            switch operation.request {
            case .requestPut, .requestDeleteRange: found = true
            case .requestTxn(let nested): if writes(nested, branches, &position) { found = true }
            case .requestRange, nil: break
            }
        }
        return found
    }

    private static func run(
        _ request: WireTxnRequest, _ branches: [Bool], _ position: inout Int, _ writer: inout StoreWriter
    ) throws -> WireTxnResponse {
        var response = WireTxnResponse()
        response.succeeded = branches[position]
        position += 1
        for operation in response.succeeded ? request.success : request.failure {
            var answer = WireResponseOp()
            switch operation.request {
            case .requestRange(let range): answer.responseRange = try Self.range(range, writer.reader)
            case .requestPut(let put): answer.responsePut = try Self.put(put, &writer)
            case .requestDeleteRange(let delete): answer.responseDeleteRange = try deleteRange(delete, &writer)
            case .requestTxn(let nested):
                answer.responseTxn = try run(nested, branches, &position, &writer)
                // As etcd: that of a transaction within one says nothing.
                answer.responseTxn.header = WireResponseHeader()
            case nil: break
            }
            response.responses.append(answer)
        }
        response.header = revisionHeader(writer.revision)
        return response
    }
}
