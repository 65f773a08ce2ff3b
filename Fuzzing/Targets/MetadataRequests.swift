import FluxonEtcd
import FoundationEssentials
import SwiftProtobuf

/// Well-formed requests of etcd's API over a few keys, leases and revisions, so that they meet what others wrote; with any numbers between.
enum MetadataRequests {
    private static let keys: [[UInt8]] = [[], [0], [0x61], [0x61, 0], [0x61, 0x62], [0x62], [0xff], [0xff, 0xff]]

    static func bytes(_ message: some Message) -> [UInt8] {
        guard let bytes: [UInt8] = try? message.serializedBytes() else { fatalError("a request that cannot be written: \(message)") }
        return bytes
    }

    static func unary(_ script: inout ByteScript) -> (method: String, request: [UInt8]) {
        switch script.below(8) {
        case 0, 1: return (EtcdMethod.put, bytes(put(&script)))
        case 2: return (EtcdMethod.range, bytes(range(&script)))
        case 3: return (EtcdMethod.deleteRange, bytes(delete(&script)))
        case 4: return (EtcdMethod.transaction, bytes(transaction(&script, depth: 0)))
        case 5:
            var request = WireCompactionRequest()
            request.revision = number(&script)
            return (EtcdMethod.compact, bytes(request))
        case 6:
            var request = WireLeaseGrantRequest()
            request.id = number(&script)
            request.ttl = number(&script)
            return (EtcdMethod.leaseGrant, bytes(request))
        default:
            var request = WireLeaseRevokeRequest()
            request.id = number(&script)
            return (EtcdMethod.leaseRevoke, bytes(request))
        }
    }

    static func watch(_ script: inout ByteScript) -> [UInt8] {
        var request = WireWatchRequest()
        switch script.below(4) {
        case 0: request.cancelRequest.watchID = number(&script)
        case 1: request.progressRequest = WireWatchProgressRequest()
        default:
            request.createRequest.key = key(&script)
            request.createRequest.rangeEnd = key(&script)
            request.createRequest.startRevision = number(&script)
            request.createRequest.watchID = number(&script)
            request.createRequest.prevKv = script.chance()
            request.createRequest.fragment = script.chance()
        }
        return bytes(request)
    }

    static func keepAlive(_ script: inout ByteScript) -> WireLeaseKeepAliveRequest {
        var request = WireLeaseKeepAliveRequest()
        request.id = number(&script)
        return request
    }

    private static func number(_ script: inout ByteScript) -> Int64 { Int64(bitPattern: script.number()) }

    private static func key(_ script: inout ByteScript) -> Data { Data(keys[script.below(keys.count)]) }

    private static func put(_ script: inout ByteScript) -> WirePutRequest {
        var request = WirePutRequest()
        request.key = key(&script)
        request.value = key(&script)
        request.lease = script.chance() ? 0 : number(&script)
        request.prevKv = script.chance()
        let flags = script.below(8)
        request.ignoreValue = flags == 7
        request.ignoreLease = flags == 6
        return request
    }

    private static func range(_ script: inout ByteScript) -> WireRangeRequest {
        var request = WireRangeRequest()
        request.key = key(&script)
        request.rangeEnd = key(&script)
        request.limit = number(&script)
        request.revision = number(&script)
        request.sortOrder = [.none, .ascend, .descend, .UNRECOGNIZED(9)][script.below(4)]
        request.sortTarget = [.key, .version, .create, .mod, .value, .UNRECOGNIZED(9)][script.below(6)]
        request.keysOnly = script.chance()
        request.countOnly = script.chance()
        if script.chance() {
            request.minModRevision = number(&script)
            request.maxModRevision = number(&script)
            request.minCreateRevision = number(&script)
            request.maxCreateRevision = number(&script)
        }
        return request
    }

    private static func delete(_ script: inout ByteScript) -> WireDeleteRangeRequest {
        var request = WireDeleteRangeRequest()
        request.key = key(&script)
        request.rangeEnd = key(&script)
        request.prevKv = script.chance()
        return request
    }

    private static func transaction(_ script: inout ByteScript, depth: Int) -> WireTxnRequest {
        var request = WireTxnRequest()
        request.compare = (0..<script.below(3)).map { _ in compare(&script) }
        request.success = (0..<script.below(4)).map { _ in operation(&script, depth: depth) }
        request.failure = (0..<script.below(4)).map { _ in operation(&script, depth: depth) }
        return request
    }

    private static func operation(_ script: inout ByteScript, depth: Int) -> WireRequestOp {
        var operation = WireRequestOp()
        switch script.below(6) {
        case 0: operation.requestRange = range(&script)
        case 1: operation.requestDeleteRange = delete(&script)
        case 2: if depth < 4 { operation.requestTxn = transaction(&script, depth: depth + 1) }
        default: operation.requestPut = put(&script)
        }
        return operation
    }

    private static func compare(_ script: inout ByteScript) -> WireCompare {
        var compare = WireCompare()
        compare.key = key(&script)
        compare.rangeEnd = key(&script)
        compare.result = [.equal, .notEqual, .greater, .less, .UNRECOGNIZED(9)][script.below(5)]
        switch script.below(6) {
        case 0: (compare.target, compare.createRevision) = (.create, number(&script))
        case 1: (compare.target, compare.modRevision) = (.mod, number(&script))
        case 2: (compare.target, compare.version) = (.version, number(&script))
        case 3: (compare.target, compare.lease) = (.lease, number(&script))
        case 4: (compare.target, compare.value) = (.value, key(&script))
        default: compare.target = .UNRECOGNIZED(9)
        }
        return compare
    }
}
