private import FluxonCore
private import FoundationEssentials

/// Keys, values and transactions. `timeout` nil = that of the options.
extension EtcdClient {
    package func range(_ range: EtcdRange, timeout: Duration? = nil) async throws(EtcdError) -> EtcdRangeResult {
        let response: WireRangeResponse = try await call(EtcdMethod.range, range.wire, isRepeatable: true, timeout: timeout)
        return EtcdRangeResult(response)
    }

    package func get(_ key: String, timeout: Duration? = nil) async throws(EtcdError) -> EtcdKeyValue? {
        try await range(EtcdRange(.key(key)), timeout: timeout).keyValues.first
    }

    /// Everything under a prefix, in the order of keys.
    package func list(prefix: String, timeout: Duration? = nil) async throws(EtcdError) -> EtcdRangeResult {
        try await range(EtcdRange(.prefix(prefix)), timeout: timeout)
    }

    /// - Parameter lease: 0 = none.
    /// - Returns: The revision of the put, and what the key held before.
    @discardableResult
    package func put(
        _ key: String, _ value: [UInt8], lease: Int64 = 0, timeout: Duration? = nil
    ) async throws(EtcdError) -> (revision: Int64, previous: EtcdKeyValue?) {
        var request = WirePutRequest()
        request.key = Data(key.utf8)
        request.value = Data(value)
        request.lease = lease
        request.prevKv = true
        let response: WirePutResponse = try await call(EtcdMethod.put, request, isRepeatable: false, timeout: timeout)
        return (response.header.revision, response.hasPrevKv ? EtcdKeyValue(response.prevKv) : nil)
    }

    @discardableResult
    package func put(
        _ key: String, _ value: String, lease: Int64 = 0, timeout: Duration? = nil
    ) async throws(EtcdError) -> (revision: Int64, previous: EtcdKeyValue?) {
        try await put(key, Array(value.utf8), lease: lease, timeout: timeout)
    }

    /// - Returns: What was deleted, and the revision after it.
    @discardableResult
    package func delete(
        _ keys: EtcdKeyRange, timeout: Duration? = nil
    ) async throws(EtcdError) -> (revision: Int64, deleted: [EtcdKeyValue]) {
        let response: WireDeleteRangeResponse = try await call(
            EtcdMethod.deleteRange, keys.wireDelete(previous: true), isRepeatable: false, timeout: timeout)
        return (response.header.revision, response.prevKvs.map { EtcdKeyValue($0) })
    }

    /// One that only reads is asked again at other endpoints, as a range is; any other may end in `.unknownOutcome`.
    package func transaction(
        _ transaction: EtcdTransaction, timeout: Duration? = nil
    ) async throws(EtcdError) -> EtcdTransactionResult {
        let response: WireTxnResponse = try await call(
            EtcdMethod.transaction, transaction.wire, isRepeatable: transaction.isReadOnly, timeout: timeout)
        return EtcdTransactionResult(response)
    }

    /// Forgets what was before `revision`.
    package func compact(_ revision: Int64, timeout: Duration? = nil) async throws(EtcdError) {
        var request = WireCompactionRequest()
        request.revision = revision
        request.physical = true
        let _: WireCompactionResponse = try await call(EtcdMethod.compact, request, isRepeatable: false, timeout: timeout)
    }

    /// Whether an etcd answers, and which.
    package func status(timeout: Duration? = nil) async throws(EtcdError) -> EtcdStatus {
        let response: WireStatusResponse = try await call(
            EtcdMethod.status, WireStatusRequest(), isRepeatable: true, timeout: timeout)
        return EtcdStatus(
            version: response.version, byteCount: response.dbSize, revision: response.header.revision, hasLeader: response.leader != 0)
    }
}

package struct EtcdStatus: Hashable, Sendable {
    package let version: String
    /// Of the database file.
    package let byteCount: Int64
    package let revision: Int64
    package let hasLeader: Bool
}
