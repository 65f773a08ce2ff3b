import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTestFiles
import Testing

@Suite(.timeLimit(.minutes(1))) struct RPCCallTests {
    @Test("a unary call brings back what was sent, whatever its size", arguments: [0, 1, 4096, 65_531, 1 << 20, 16 << 20])
    func unary(byteCount: Int) async throws {
        let fixture = try await EchoFixture()
        let message = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let client = fixture.client()
        #expect(try await client.unary("/test.Echo/Unary", message) == message)
        #expect(try await client.unary("/test.Echo/Async", message) == message)
        client.close()
    }

    @Test("many calls run at once on one connection")
    func concurrency() async throws {
        let fixture = try await EchoFixture()
        let client = fixture.client()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<500 {
                group.addTask(executorPreference: fixture.loop.taskExecutor) {
                    let message = Array("\(number)".utf8)
                    return try await client.unary(number % 2 == 0 ? "/test.Echo/Unary" : "/test.Echo/Async", message) == message
                }
            }
            for try await isEqual in group { #expect(isEqual) }
        }
        let connections = try await fixture.loop.perform { fixture.server.connectionCount }
        #expect(connections == 1)
    }

    @Test("an error of the handler arrives with code, message and trailers")
    func failure() async throws {
        let fixture = try await EchoFixture()
        let error = await #expect(throws: RPCError.self) {
            try await fixture.client().unary("/test.Echo/Fail", Array("100 % ärgerlich\n".utf8))
        }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message.hasSuffix("100 % ärgerlich\n") == true)
        #expect(error?.trailers["reason"] == "test")
    }

    @Test("a method that is not there is unimplemented, and the message names the services that are")
    func unknownMethod() async throws {
        let fixture = try await EchoFixture()
        let error = await #expect(throws: RPCError.self) { try await fixture.client().unary("/test.Echo/Nothing", []) }
        #expect(error?.code == .unimplemented)
        #expect(error?.message.contains("test.Echo") == true)
    }

    @Test("a call without an answer ends at its deadline")
    func deadline() async throws {
        let fixture = try await EchoFixture()
        let error = await #expect(throws: RPCError.self) {
            try await fixture.client().unary("/test.Echo/Never", [], deadline: .milliseconds(20))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("/test.Echo/Never") == true)
    }

    @Test("a cancelled task cancels its call, and the server learns of it")
    func cancellation() async throws {
        let fixture = try await EchoFixture()
        let client = fixture.client()
        let (ends, sink) = AsyncStream.makeStream(of: RPCStatus.self)
        let (starts, startSink) = AsyncStream.makeStream(of: Void.self)
        try await fixture.loop.perform {
            fixture.server.handle("/test.Echo/Watched") { stream in
                startSink.yield()
                stream.onEnd = { sink.yield($0) }
            }
        }
        let task = Task { try await client.unary("/test.Echo/Watched", []) }
        for await _ in starts { break }
        task.cancel()
        let error = await #expect(throws: RPCError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        for await status in ends {
            #expect(status.code == .cancelled)
            break
        }
    }

    @Test("messages stream both ways, in order")
    func bidirectional() async throws {
        let fixture = try await EchoFixture()
        let call = await fixture.client().call("/test.Echo/Stream")
        for number in 0..<100 {
            try await call.send([UInt8(number)])
            #expect(try await call.next() == [UInt8(number)])
        }
        call.halfClose()
        #expect(try await call.next() == nil)
    }

    @Test("one message may bring many, and many may bring one")
    func streaming() async throws {
        let fixture = try await EchoFixture()
        let client = fixture.client()
        let many = await client.call("/test.Echo/Repeat")
        try await many.send([200] + [UInt8](repeating: 7, count: 99_999))
        many.halfClose()
        var count = 0
        while let message = try await many.next() {
            #expect(message.count == 100_000)
            count += 1
        }
        #expect(count == 200)
        let one = await client.call("/test.Echo/Count")
        for _ in 0..<100 { try await one.send([UInt8](repeating: 1, count: 100_000)) }
        one.halfClose()
        #expect(try await one.next() == Array("10000000".utf8))
        #expect(try await one.next() == nil)
    }

    @Test("metadata goes both ways, text and bytes")
    func metadata() async throws {
        let fixture = try await EchoFixture()
        let client = fixture.client()
        var metadata: RPCMetadata = ["x-text": "value"]
        metadata.add("x-data-bin", bytes: [0, 255, 10, 13])
        let (answers, sink) = AsyncStream.makeStream(of: RPCMetadata.self)
        try await fixture.loop.perform { [metadata] in
            let stream = client.open("/test.Echo/Metadata", metadata: metadata)
            stream.send([])
            stream.halfClose()
            stream.onInitialMetadata = { [unowned stream] in sink.yield(stream.initialMetadata) }
        }
        for await answer in answers {
            #expect(answer == metadata)
            break
        }
    }

    @Test("a server that is not there is unavailable, with the kernel's reason as the cause")
    func unreachable() async throws {
        let fixture = try await EchoFixture()
        let client = RPCClient(loop: fixture.loop, target: .unix("/nowhere/at/all"))
        let error = await #expect(throws: RPCError.self) { try await client.unary("/test.Echo/Unary", []) }
        #expect(error?.code == .unavailable)
        #expect(error?.cause is SystemError)
    }

    @Test("a call that waits for a connection gets one when the server comes")
    func patience() async throws {
        let fixture = try await EchoFixture()
        let path = TestFolder.fresh(".sock")
        let client = RPCClient(loop: fixture.loop, target: .unix(path))
        async let answer = client.unary("/test.Echo/Unary", [5], waitsForConnection: true)
        await #expect(throws: RPCError.self) { try await client.unary("/test.Echo/Unary", [5]) }
        _ = try await fixture.loop.perform { try fixture.server.listen(.unix(path)) }
        #expect(try await answer == [5])
        try await fixture.loop.perform { fixture.server.close() }
    }

    @Test("adopted sockets serve and call, and a call sees its connection's context")
    func adopting() async throws {
        let fixture = try await EchoFixture()
        let context = Context()
        let (contexts, sink) = AsyncStream.makeStream(of: Bool.self)
        let client = try await fixture.loop.perform {
            fixture.server.handle("/test.Echo/Context") { stream in
                sink.yield(stream.connectionContext === context)
                stream.finish(.ok)
            }
            let pair = try Descriptor.socketPair()
            fixture.server.adopt(try pair.first.duplicate(), context: context)
            return RPCClient(loop: fixture.loop, adopting: try pair.second.duplicate(), name: "passed")
        }
        #expect(try await client.unary("/test.Echo/Unary", [1, 2]) == [1, 2])
        _ = try? await client.unary("/test.Echo/Context", [])
        for await isSame in contexts {
            #expect(isSame)
            break
        }
    }

    @Test("a connection that breaks ends its calls as unavailable, and the next call gets a new one")
    func reconnection() async throws {
        let fixture = try await EchoFixture()
        let client = fixture.client()
        let call = await client.call("/test.Echo/Stream")
        try await call.send([1])
        #expect(try await call.next() == [1])
        try await fixture.loop.perform { fixture.server.dropConnections() }
        let error = await #expect(throws: RPCError.self) { try await call.next() }
        #expect(error?.code == .unavailable)
        #expect(try await client.unary("/test.Echo/Unary", [3], waitsForConnection: true) == [3])
    }

    @Test("a draining server finishes what runs, and refuses what comes")
    func draining() async throws {
        let fixture = try await EchoFixture()
        let client = fixture.client()
        let call = await client.call("/test.Echo/Stream")
        try await call.send([1])
        #expect(try await call.next() == [1])
        async let drained: Void = fixture.server.drain()
        try await call.send([2])
        #expect(try await call.next() == [2])
        call.halfClose()
        #expect(try await call.next() == nil)
        await drained
        let error = await #expect(throws: RPCError.self) { try await client.unary("/test.Echo/Unary", [], deadline: .seconds(1)) }
        #expect(error?.code == .unavailable)
    }
}

private final class Context: Sendable {}
