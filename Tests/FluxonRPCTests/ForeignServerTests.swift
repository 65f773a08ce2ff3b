import FluxonCore
import FluxonRPC
import FluxonSystem
import Testing

/// grpcio's server, and our client of it.
private final class Fixture: Sendable {
    let loop: EventLoop
    let client: RPCClient
    private let process: PeerProcess

    init() async throws {
        process = try PeerProcess(PeerProcess.python, ["\(PeerProcess.peers)/server.py"])
        let line = try await process.firstLine()
        let port = try #require(UInt16(line), "server.py said: \(line)")
        loop = try EventLoop.started(name: "test-rpc")
        client = RPCClient(loop: loop, target: .tcp(host: "127.0.0.1", port: port))
    }

    deinit {
        client.close()
        loop.stop()
    }
}

@Suite(.timeLimit(.minutes(3))) struct ForeignServerTests {
    @Test("grpcio's server answers unary calls of any size, a thousand at once too")
    func unary() async throws {
        let fixture = try await Fixture()
        let client = fixture.client
        for count in [0, 1, 16384, 1 << 20, 16 << 20] {
            let message = [UInt8](repeating: 5, count: count)
            #expect(try await client.unary("/test.Echo/Unary", message) == message)
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<1000 {
                group.addTask { try await client.unary("/test.Echo/Unary", Array("\(number)".utf8)) == Array("\(number)".utf8) }
            }
            for try await isEqual in group { #expect(isEqual) }
        }
    }

    @Test("all streaming kinds work with grpcio's server")
    func streaming() async throws {
        let fixture = try await Fixture()
        let many = await fixture.client.call("/test.Echo/Repeat")
        try await many.send([200] + [UInt8](repeating: 7, count: 99_999))
        many.halfClose()
        var count = 0
        while let message = try await many.next() { count += message.count }
        #expect(count == 20_000_000)
        let one = await fixture.client.call("/test.Echo/Count")
        for _ in 0..<200 { try await one.send([UInt8](repeating: 1, count: 100_000)) }
        one.halfClose()
        #expect(try await one.next() == Array("20000000".utf8))
        #expect(try await one.next() == nil)
        let both = await fixture.client.call("/test.Echo/Stream")
        for number in 0..<100 {
            try await both.send([UInt8(number)])
            #expect(try await both.next() == [UInt8(number)])
        }
        both.halfClose()
        #expect(try await both.next() == nil)
    }

    @Test("grpcio's server learns the deadline, and a call over it ends")
    func deadline() async throws {
        let fixture = try await Fixture()
        let answer = try await fixture.client.unary("/test.Echo/Remaining", [], deadline: .seconds(20))
        let remaining = try #require(Double(String(decoding: answer, as: UTF8.self)))
        #expect(remaining > 10 && remaining <= 20.1)
        let error = await #expect(throws: RPCError.self) {
            try await fixture.client.unary("/test.Echo/Never", [1], deadline: .milliseconds(100))
        }
        #expect(error?.code == .deadlineExceeded)
    }

    @Test("grpcio's server learns of a cancellation")
    func cancellation() async throws {
        let fixture = try await Fixture()
        let client = fixture.client
        let call = await client.call("/test.Echo/Never")
        try await call.send([9])
        call.halfClose()
        // The server looks at calls in order, so this one shows that it has the other.
        _ = try await client.unary("/test.Echo/Unary", [])
        call.cancel()
        await #expect(throws: RPCError.self) { try await call.next() }
        var answer: [UInt8] = []
        while answer != Array("yes".utf8) { answer = try await client.unary("/test.Echo/WasCancelled", [9]) }
    }

    @Test("an error of grpcio's server arrives with code, message and trailers")
    func failure() async throws {
        let fixture = try await Fixture()
        let error = await #expect(throws: RPCError.self) {
            try await fixture.client.unary("/test.Echo/Fail", Array("100 % ärgerlich".utf8))
        }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message.hasSuffix("100 % ärgerlich") == true)
        #expect(error?.trailers["reason"] == "test")
        #expect(error?.trailers.bytes("data-bin") == [0, 255])
        let unknown = await #expect(throws: RPCError.self) { try await fixture.client.unary("/test.Echo/Nothing", []) }
        #expect(unknown?.code == .unimplemented)
    }

    @Test("metadata reaches grpcio's server and comes back")
    func metadata() async throws {
        let fixture = try await Fixture()
        let client = fixture.client
        var metadata: RPCMetadata = ["x-text": "value"]
        metadata.add("x-data-bin", bytes: Array(0...255))
        let (answers, sink) = AsyncStream.makeStream(of: RPCMetadata.self)
        try await fixture.loop.perform { [metadata] in
            let stream = client.open("/test.Echo/Metadata", metadata: metadata)
            stream.send([])
            stream.halfClose()
            stream.onInitialMetadata = { [unowned stream] in sink.yield(stream.initialMetadata) }
        }
        for await answer in answers {
            #expect(answer["x-text"] == "value")
            #expect(answer.bytes("x-data-bin") == Array(0...255))
            break
        }
    }
}
