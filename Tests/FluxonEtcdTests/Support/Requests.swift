import FluxonEtcd
import Foundation

/// Short ways to write etcd's messages in tests.
extension WirePutRequest {
    init(_ key: String, _ value: String, lease: Int64 = 0, previous: Bool = false) {
        self.init()
        self.key = Data(key.utf8)
        self.value = Data(value.utf8)
        self.lease = lease
        prevKv = previous
    }
}

extension WireRangeRequest {
    init(_ key: String, end: String = "", revision: Int64 = 0, limit: Int64 = 0) {
        self.init()
        self.key = Data(key.utf8)
        rangeEnd = Data(end.utf8)
        self.revision = revision
        self.limit = limit
    }

    static func with(_ keys: EtcdKeyRange, _ change: (inout WireRangeRequest) -> Void) -> WireRangeRequest {
        var request = WireRangeRequest()
        request.key = Data(keys.start)
        request.rangeEnd = Data(keys.end)
        change(&request)
        return request
    }
}

extension WireDeleteRangeRequest {
    init(_ key: String, end: String = "") {
        self.init()
        self.key = Data(key.utf8)
        rangeEnd = Data(end.utf8)
    }
}

extension WireRequestOp {
    static func put(_ key: String, _ value: String) -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestPut = WirePutRequest(key, value)
        return operation
    }

    static func range(_ key: String, end: String = "", revision: Int64 = 0) -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestRange = WireRangeRequest(key, end: end, revision: revision)
        return operation
    }

    static func delete(_ key: String, end: String = "") -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestDeleteRange = WireDeleteRangeRequest(key, end: end)
        return operation
    }

    static func transaction(_ request: WireTxnRequest) -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestTxn = request
        return operation
    }
}

extension WireCompare {
    static func createRevision(of key: String, is revision: Int64) -> WireCompare {
        var comparison = WireCompare()
        comparison.target = .create
        comparison.key = Data(key.utf8)
        comparison.createRevision = revision
        return comparison
    }
}

extension WireTxnRequest {
    init(if compare: [WireCompare], then success: [WireRequestOp], else failure: [WireRequestOp] = []) {
        self.init()
        self.compare = compare
        self.success = success
        self.failure = failure
    }
}

extension WireRangeResponse {
    /// `key=value` in the order of the answer.
    var pairs: [String] { kvs.map { String(decoding: $0.key, as: UTF8.self) + "=" + String(decoding: $0.value, as: UTF8.self) } }
    var keys: [String] { kvs.map { String(decoding: $0.key, as: UTF8.self) } }
}
