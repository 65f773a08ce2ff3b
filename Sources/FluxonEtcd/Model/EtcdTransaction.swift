private import FoundationEssentials

/// A condition on one key; a key that does not exist counts as all zeros, and has no value.
package struct EtcdCompare: Hashable, Sendable {
    package enum Relation: Hashable, Sendable { case equal, notEqual, greater, less }

    private enum Target: Hashable, Sendable { case createRevision(Int64), modRevision(Int64), version(Int64), value([UInt8]), lease(Int64) }

    private let key: [UInt8]
    private let relation: Relation
    private let target: Target

    package static func createRevision(of key: String, _ relation: Relation, _ revision: Int64) -> EtcdCompare {
        EtcdCompare(key: Array(key.utf8), relation: relation, target: .createRevision(revision))
    }

    package static func modRevision(of key: String, _ relation: Relation, _ revision: Int64) -> EtcdCompare {
        EtcdCompare(key: Array(key.utf8), relation: relation, target: .modRevision(revision))
    }

    package static func version(of key: String, _ relation: Relation, _ version: Int64) -> EtcdCompare {
        EtcdCompare(key: Array(key.utf8), relation: relation, target: .version(version))
    }

    package static func value(of key: String, _ relation: Relation, _ value: [UInt8]) -> EtcdCompare {
        EtcdCompare(key: Array(key.utf8), relation: relation, target: .value(value))
    }

    package static func lease(of key: String, _ relation: Relation, _ lease: Int64) -> EtcdCompare {
        EtcdCompare(key: Array(key.utf8), relation: relation, target: .lease(lease))
    }

    /// Holds when there is no such key.
    package static func isAbsent(_ key: String) -> EtcdCompare { .createRevision(of: key, .equal, 0) }

    var wire: WireCompare {
        var wire = WireCompare()
        wire.key = Data(key)
        wire.result =
            switch relation {
            case .equal: .equal
            case .notEqual: .notEqual
            case .greater: .greater
            case .less: .less
            }
        switch target {
        case .createRevision(let revision): (wire.target, wire.createRevision) = (.create, revision)
        case .modRevision(let revision): (wire.target, wire.modRevision) = (.mod, revision)
        case .version(let version): (wire.target, wire.version) = (.version, version)
        case .value(let value): (wire.target, wire.value) = (.value, Data(value))
        case .lease(let lease): (wire.target, wire.lease) = (.lease, lease)
        }
        return wire
    }
}

/// One step of a transaction.
package enum EtcdOperation: Hashable, Sendable {
    case range(EtcdRange)
    /// `lease` 0 = none.
    case put(key: [UInt8], value: [UInt8], lease: Int64)
    case delete(EtcdKeyRange)

    package static func put(_ key: String, _ value: String, lease: Int64 = 0) -> EtcdOperation {
        .put(key: Array(key.utf8), value: Array(value.utf8), lease: lease)
    }

    package static func get(_ key: String) -> EtcdOperation { .range(EtcdRange(.key(key))) }
    package static func delete(_ key: String) -> EtcdOperation { .delete(.key(key)) }

    var writes: Bool {
        if case .range = self { false } else { true }
    }

    var wire: WireRequestOp {
        var wire = WireRequestOp()
        switch self {
        case .range(let range): wire.requestRange = range.wire
        case .put(let key, let value, let lease):
            wire.requestPut.key = Data(key)
            wire.requestPut.value = Data(value)
            wire.requestPut.lease = lease
        case .delete(let keys): wire.requestDeleteRange = keys.wireDelete()
        }
        return wire
    }
}

/// All of `success` if every comparison holds, else all of `failure`; in one revision.
package struct EtcdTransaction: Hashable, Sendable {
    package var compare: [EtcdCompare]
    package var success: [EtcdOperation]
    package var failure: [EtcdOperation]

    package init(if compare: [EtcdCompare], then success: [EtcdOperation], else failure: [EtcdOperation] = []) {
        self.compare = compare
        self.success = success
        self.failure = failure
    }

    /// Whether it changes nothing, so that sending it twice does no harm.
    var isReadOnly: Bool { !(success + failure).contains(where: \.writes) }

    var wire: WireTxnRequest {
        var wire = WireTxnRequest()
        wire.compare = compare.map(\.wire)
        wire.success = success.map(\.wire)
        wire.failure = failure.map(\.wire)
        return wire
    }
}

package struct EtcdTransactionResult: Hashable, Sendable {
    /// What one step of the branch that was taken gave.
    package enum Step: Hashable, Sendable {
        case range(EtcdRangeResult)
        case put
        case deleted(count: Int64)
    }

    package let revision: Int64
    package let succeeded: Bool
    package let steps: [Step]

    package init(_ wire: WireTxnResponse) {
        revision = wire.header.revision
        succeeded = wire.succeeded
        steps = wire.responses.map { step in
            switch step.response {
            case .responseRange(let range): .range(EtcdRangeResult(range))
            case .responseDeleteRange(let delete): .deleted(count: delete.deleted)
            case .responsePut, .responseTxn, nil: .put
            }
        }
    }

    /// The keys that the step at `index` read; nil when it was no range.
    package func keyValues(at index: Int) -> [EtcdKeyValue]? {
        guard steps.indices.contains(index), case .range(let range) = steps[index] else { return nil }
        return range.keyValues
    }
}
