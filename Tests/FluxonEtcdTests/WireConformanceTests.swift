import FluxonCore
import FluxonEtcd
import FluxonRPC
import FluxonSystem
import Foundation
import SwiftProtobuf
import Testing

/// The same for the real etcd and the embedded one, byte by byte: what clients that are not ours rely on.
@Suite(.timeLimit(.minutes(1))) struct WireConformanceTests {
    private static func rpc(_ fixture: Fixture) throws -> RPCClient {
        let address = fixture.endpoint.split(separator: "/").last.map(String.init) ?? fixture.endpoint
        return RPCClient(loop: fixture.client.loop, target: try SocketAddress(parsing: address))
    }

    private static func with(_ backend: Backend, _ body: @Sendable (Fixture, RPCClient) async throws -> Void) async throws {
        try await Fixture.with(backend) { fixture in
            let rpc = try rpc(fixture)
            defer { rpc.close() }
            try await body(fixture, rpc)
        }
    }

    @Test("too large and broken requests are refused with etcd's codes", arguments: Backend.allCases)
    func refusals(_ backend: Backend) async throws {
        try await Self.with(backend) { _, rpc in
            func code(_ method: String, _ message: [UInt8]) async -> RPCCode {
                do throws(RPCError) { _ = try await rpc.unary(method, message) } catch { return error.code }
                return .ok
            }
            func put(_ byteCount: Int) throws -> [UInt8] {
                try WirePutRequest("a", String(repeating: "x", count: byteCount)).serializedBytes()
            }
            #expect(await code(EtcdMethod.put, try put(1_000_000)) == .ok)
            #expect(await code(EtcdMethod.put, try put(1_700_000)) == .invalidArgument)
            #expect(await code(EtcdMethod.put, try put(2_500_000)) == .resourceExhausted)
            #expect(await code(EtcdMethod.put, [255, 255, 255]) == .internalError)
            #expect(await code(EtcdMethod.put, []) == .invalidArgument)
            #expect(await code("/etcdserverpb.KV/Nothing", []) == .unimplemented)
            for method in [EtcdMethod.watch, EtcdMethod.leaseKeepAlive] {
                let call = await rpc.call(method)
                try await call.send([255, 255, 255])
                let error = await #expect(throws: RPCError.self) { try await call.next() }
                #expect(error?.code == .internalError)
            }
        }
    }

    @Test("answers within a transaction have headers that say a revision and nothing else", arguments: Backend.allCases)
    func nestedHeaders(_ backend: Backend) async throws {
        try await Self.with(backend) { _, rpc in
            let request = WireTxnRequest(
                if: [],
                then: [
                    .range("a"), .put("a", "1"), .range("a"), .delete("nothing"),
                    .transaction(WireTxnRequest(if: [], then: [.range("a"), .put("b", "2")])),
                ])
            let response = try await WireTxnResponse(
                serializedBytes: rpc.unary(EtcdMethod.transaction, try request.serializedBytes()))
            #expect(response.header.clusterID != 0 && response.header.memberID != 0 && response.header.revision == 2)
            let answers = response.responses
            let headers = [
                answers[0].responseRange.header, answers[1].responsePut.header, answers[2].responseRange.header,
                answers[3].responseDeleteRange.header,
            ]
            #expect(headers.map(\.revision) == [1, 2, 2, 2])
            #expect(headers.allSatisfy { $0.clusterID == 0 && $0.memberID == 0 && $0.raftTerm == 0 })
            let nested = answers[4].responseTxn
            #expect(nested.hasHeader && nested.header == WireResponseHeader())
            #expect(nested.responses.map { $0.responseRange.header.revision + $0.responsePut.header.revision } == [2, 2])
        }
    }

    @Test("a watch of an empty range is refused, one from a negative revision ends, both in etcd's words", arguments: Backend.allCases)
    func refusedWatches(_ backend: Backend) async throws {
        try await Self.with(backend) { fixture, rpc in
            _ = try await fixture.client.put("b", "1")
            func responses(_ count: Int, _ change: (inout WireWatchCreateRequest) -> Void) async throws -> [WireWatchResponse] {
                var request = WireWatchRequest()
                request.createRequest.key = Data("b".utf8)
                change(&request.createRequest)
                let call = await rpc.call(EtcdMethod.watch)
                try await call.send(try request.serializedBytes())
                var responses: [WireWatchResponse] = []
                while responses.count < count, let message = try await call.next() {
                    responses.append(try WireWatchResponse(serializedBytes: message))
                }
                call.cancel()
                return responses
            }
            for end in ["a", "b"] {
                let refused = try await responses(1) { $0.rangeEnd = Data(end.utf8) }[0]
                #expect(refused.created && refused.canceled && refused.watchID == -1)
                #expect(refused.cancelReason == "mvcc: watcher range is empty")
            }
            let negative = try await responses(2) { $0.startRevision = -5 }
            #expect(negative.map(\.created) == [true, false] && negative.map(\.canceled) == [false, true])
            #expect(negative.map(\.compactRevision) == [0, -1])
            let all = try await responses(2) {
                $0.rangeEnd = Data([0])
                $0.startRevision = 1
            }
            #expect(all.last?.events.count == 1)
        }
    }

    @Test("a watch whose client has half-closed hears on", arguments: Backend.allCases)
    func halfClosedWatch(_ backend: Backend) async throws {
        try await Self.with(backend) { fixture, rpc in
            var request = WireWatchRequest()
            request.createRequest.key = Data("a".utf8)
            let call = await rpc.call(EtcdMethod.watch)
            try await call.send(try request.serializedBytes())
            call.halfClose()
            let created = try #require(try await call.next())
            #expect(try WireWatchResponse(serializedBytes: created).created)
            for value in ["1", "2"] {
                _ = try await fixture.client.put("a", value)
                let message = try #require(try await call.next())
                let response = try WireWatchResponse(serializedBytes: message)
                #expect(response.events.map { String(decoding: $0.kv.value, as: UTF8.self) } == [value])
            }
            call.cancel()
        }
    }

    @Test("a keep-alive whose client has half-closed ends in order", arguments: Backend.allCases)
    func halfClosedKeepAlive(_ backend: Backend) async throws {
        try await Self.with(backend) { _, rpc in
            let call = await rpc.call(EtcdMethod.leaseKeepAlive)
            call.halfClose()
            let answer = try await call.next()
            #expect(answer == nil)
        }
    }

    @Test(
        "the member that leads is in the list of members, with an address that answers; the health service too", arguments: Backend.allCases
    )
    func members(_ backend: Backend) async throws {
        try await Self.with(backend) { fixture, rpc in
            let status = try await WireStatusResponse(serializedBytes: rpc.unary(EtcdMethod.status, []))
            var list = ProtobufReader(try await rpc.unary(EtcdMethod.memberList, []))
            var members: [(id: UInt64, urls: [String])] = []
            while let field = try list.next() {
                guard field == 2 else {
                    try list.skip()
                    continue
                }
                var reader = try list.message()
                var member = (id: UInt64(0), urls: [String]())
                while let field = try reader.next() {
                    switch field {
                    case 1: member.id = try reader.unsigned()
                    case 4: member.urls.append(try reader.string(limit: 100))
                    default: try reader.skip()
                    }
                }
                members.append(member)
            }
            #expect(members.map(\.id) == [status.leader])
            let url = try #require(members.first?.urls.first)
            #expect(url.hasPrefix("http://") && url.hasSuffix(fixture.endpoint.split(separator: "/").last ?? ""))
            #expect(try await rpc.unary("/grpc.health.v1.Health/Check", []) == [8, 1])
            #expect(try await rpc.unary(EtcdMethod.alarm, []) == [])
        }
    }
}
