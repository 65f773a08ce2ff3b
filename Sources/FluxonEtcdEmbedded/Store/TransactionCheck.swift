package import FluxonEtcd
private import FoundationEssentials

/// Refuses a transaction that is wrong in itself, whatever the store holds: so that a transaction that runs never stops half way.
package enum TransactionCheck {
    /// Most comparisons, and most operations of one branch, over all levels of nesting.
    package static let mostOperations = 128
    /// Deepest nesting. etcd has no such limit but the one on operations, which allows as much.
    private static let deepestNesting = 128

    package static func check(_ request: WireTxnRequest) throws(EtcdFault) {
        try check(request, operationsLeft: mostOperations, depth: 0)
        _ = try writes(of: request.success)
        _ = try writes(of: request.failure)
    }

    package static func check(_ request: WireRangeRequest) throws(EtcdFault) {
        if request.key.isEmpty { throw .emptyKey }
    }

    package static func check(_ request: WirePutRequest) throws(EtcdFault) {
        if request.key.isEmpty { throw .emptyKey }
        if request.ignoreValue && !request.value.isEmpty { throw .valueProvided }
        if request.ignoreLease && request.lease != 0 { throw .leaseProvided }
    }

    package static func check(_ request: WireDeleteRangeRequest) throws(EtcdFault) {
        if request.key.isEmpty { throw .emptyKey }
    }

    private static func check(_ request: WireTxnRequest, operationsLeft: Int, depth: Int) throws(EtcdFault) {
        let operations = max(request.compare.count, request.success.count, request.failure.count)
        guard operations <= operationsLeft, depth < deepestNesting else { throw .tooManyOperations }
        for comparison in request.compare where comparison.key.isEmpty { throw .emptyKey }
        for operation in request.success + request.failure {
            switch operation.request {
            case .requestRange(let range): try check(range)
            case .requestPut(let put): try check(put)
            case .requestDeleteRange(let delete): try check(delete)
            case .requestTxn(let nested): try check(nested, operationsLeft: operationsLeft - operations, depth: depth + 1)
            case nil: throw .keyNotFound
            }
        }
    }

    /// The keys put and the ranges deleted by one branch.
    private struct Writes {
        var puts: Set<Data> = []
        var deletes: [EtcdKeyRange] = []

        func deletes(_ key: Data) -> Bool { deletes.contains { $0.contains(key) } }
    }

    /// One revision holds one change of a key: a branch may put a key once, and not put what it deletes.
    private static func writes(of operations: [WireRequestOp]) throws(EtcdFault) -> Writes {
        var all = Writes()
        for case .requestDeleteRange(let delete)? in operations.map(\.request) { all.deletes.append(delete.keys) }
        for case .requestTxn(let nested)? in operations.map(\.request) {
            let success = try writes(of: nested.success)
            let failure = try writes(of: nested.failure)
            // The two branches of a nested transaction exclude each other, so they may put the same key.
            for key in success.puts.union(failure.puts) where all.puts.contains(key) || all.deletes(key) { throw .duplicateKey }
            all.puts.formUnion(success.puts)
            all.puts.formUnion(failure.puts)
            all.deletes += success.deletes + failure.deletes
        }
        for case .requestPut(let put)? in operations.map(\.request) {
            guard !all.deletes(put.key), all.puts.insert(put.key).inserted else { throw .duplicateKey }
        }
        return all
    }
}

extension WireDeleteRangeRequest {
    package var keys: EtcdKeyRange { EtcdKeyRange(start: Array(key), end: Array(rangeEnd)) }
}

extension WireRangeRequest {
    package var keys: EtcdKeyRange { EtcdKeyRange(start: Array(key), end: Array(rangeEnd)) }
}

extension WireCompare {
    package var keys: EtcdKeyRange { EtcdKeyRange(start: Array(key), end: Array(rangeEnd)) }

    /// Whether the comparison holds for `keyValue`; a key that does not exist counts as all zeros, and has no value.
    package func holds(for keyValue: WireKeyValue?) -> Bool {
        let found = keyValue ?? WireKeyValue()
        switch target {
        case .version: return holds(found.version, version)
        case .create: return holds(found.createRevision, createRevision)
        case .mod: return holds(found.modRevision, modRevision)
        case .lease: return holds(found.lease, lease)
        case .value:
            guard keyValue != nil else { return false }
            if found.value == value { return holds(0, 0) }
            return found.value.lexicographicallyPrecedes(value) ? holds(0, 1) : holds(1, 0)
        case .UNRECOGNIZED: return false
        }
    }

    private func holds(_ found: Int64, _ asked: Int64) -> Bool {
        switch result {
        case .equal: found == asked
        case .notEqual: found != asked
        case .greater: found > asked
        case .less: found < asked
        case .UNRECOGNIZED: false
        }
    }
}
