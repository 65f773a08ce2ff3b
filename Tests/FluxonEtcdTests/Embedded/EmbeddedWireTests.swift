import FluxonEtcd
import FluxonEtcdEmbedded
import FluxonRPC
import FluxonSeededRandom
import FluxonSystem
import Foundation
import SwiftProtobuf
import Testing

/// What a client that is not ours, or means ill, may send.
@Suite(.timeLimit(.minutes(1))) struct EmbeddedWireTests {
    private static let unaryMethods = [
        "KV/Range", "KV/Put", "KV/DeleteRange", "KV/Txn", "KV/Compact", "Lease/LeaseGrant", "Lease/LeaseRevoke", "Lease/LeaseTimeToLive",
        "Lease/LeaseLeases", "Maintenance/Status", "Auth/Authenticate",
    ]

    private func rpc(_ fixture: Fixture) throws -> RPCClient {
        RPCClient(loop: fixture.client.loop, target: try SocketAddress(parsing: fixture.endpoint))
    }

    @Test("random bytes and random changes of real requests get an answer or a status, and the server goes on", arguments: [1, 2, 3])
    func garbage(seed: UInt64) async throws {
        try await Fixture.with(.embedded) { fixture in
            let rpc = try rpc(fixture)
            var random = SeededRandom(seed: seed)
            let real: [UInt8] = try WireTxnRequest(
                if: [.createRevision(of: "a", is: 0)], then: [.put("a", "1"), .range("a", end: "z")], else: [.delete("a")]
            ).serializedBytes()
            for round in 0..<200 {
                var message = round % 2 == 0 ? real : (0..<random.index(below: 64)).map { _ in UInt8(random.index(below: 256)) }
                for _ in 0..<random.index(below: 4) where !message.isEmpty {
                    message[random.index(below: message.count)] = UInt8(random.index(below: 256))
                }
                let method = "/etcdserverpb." + Self.unaryMethods[random.index(below: Self.unaryMethods.count)]
                do throws(RPCError) { _ = try await rpc.unary(method, message, deadline: .seconds(10)) } catch {
                    #expect(error.code != .deadlineExceeded && error.code != .unavailable, "\(method): \(error)")
                }
            }
            #expect(try await fixture.client.status().revision >= 1)
            rpc.close()
        }
    }

    @Test("a request over etcd's limit is refused as such")
    func largeRequest() async throws {
        try await Fixture.with(.embedded) { fixture in
            let client = fixture.client
            await expectRefusal(.requestTooLarge) { try await client.put("a", [UInt8](repeating: 0, count: 1_700_000)) }
        }
    }

    @Test("a unary call without a message, or with two, ends with a status, and nothing of it is done", arguments: unaryMethods)
    func wrongCounts(method: String) async throws {
        try await Fixture.with(.embedded) { fixture in
            let rpc = try rpc(fixture)
            let put: [UInt8] = try WirePutRequest("a", "1").serializedBytes()
            for count in [0, 2] {
                let call = await rpc.call("/etcdserverpb." + method)
                for _ in 0..<count { try? await call.send(put) }
                call.halfClose()
                let error = await #expect(throws: RPCError.self) { try await call.next() }
                #expect(error?.code == .unimplemented)
            }
            #expect(try await fixture.client.status().revision == 1)
            rpc.close()
        }
    }

    @Test("a watcher that does not read costs the server no memory, and gets everything once it reads again")
    func slowWatcher() async throws {
        try await Fixture.with(.embedded) { fixture in
            let rpc = try rpc(fixture)
            let loop = fixture.client.loop
            let revisions = Recorder<[Int64]>()
            var create = WireWatchRequest()
            create.createRequest.key = Data([0])
            create.createRequest.rangeEnd = Data([0])
            create.createRequest.startRevision = 1
            let request: [UInt8] = try create.serializedBytes()
            let slow = try await loop.perform { [rpc] in
                let stream = rpc.openWithoutDeadline(EtcdMethod.watch)
                stream.onMessage = { message in
                    let response = try? WireWatchResponse(serializedBytes: message)
                    revisions.record(response?.events.map(\.kv.modRevision) ?? [])
                }
                stream.send(request)
                stream.pauseReading()
                return SlowStream(stream: stream)
            }
            let value = String(repeating: "x", count: 500_000)
            for _ in 0..<60 { try await fixture.client.put("a", value) }
            try await loop.perform { slow.stream.resumeReading() }
            let all = try await revisions.collect { $0.joined().count >= 60 }
            #expect(Array(all.joined()) == Array(2...61))
            rpc.close()
        }
    }

    private struct SlowStream: @unchecked Sendable {
        // SAFETY: used on the loop alone.
        let stream: RPCStream
    }
}
