import FluxonCore
import FluxonEtcd
import FluxonEtcdEmbedded
import FluxonSystem
import FluxonTestFiles
import Foundation
import Testing

/// What serves etcd's API in a conformance test.
enum Backend: String, CaseIterable, CustomTestStringConvertible {
    /// Debian's `etcd-server`.
    case etcd
    /// Ours, from a SQLite file.
    case embedded

    var testDescription: String { rawValue }
}

/// A running backend with a client of it, both gone at the end of `with`.
struct Fixture: Sendable {
    let client: EtcdClient
    let endpoint: String
    let folder: TemporaryFolder

    /// Starts the backend, waits until it answers, runs `body`, stops everything.
    static func with(
        _ backend: Backend, options change: @Sendable (inout EtcdClientOptions) -> Void = { _ in },
        _ body: @Sendable (Fixture) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        switch backend {
        case .etcd:
            let process = try EtcdProcess(folder: folder)
            defer { process.kill() }
            try await run(process.endpoint, folder, loop, change, body)
        case .embedded:
            let (server, address) = try await EmbeddedEtcd.start(
                path: folder.file("metadata.sqlite"), listen: .tcp(host: "127.0.0.1", port: 0))
            do {
                try await run("\(address)", folder, loop, change, body)
            } catch {
                await server.stop()
                throw error
            }
            await server.stop()
        }
    }

    private static func run(
        _ endpoint: String, _ folder: TemporaryFolder, _ loop: EventLoop, _ change: (inout EtcdClientOptions) -> Void,
        _ body: (Fixture) async throws -> Void
    ) async throws {
        let client = try await readyClient([endpoint], loop: loop, change)
        do {
            try await body(Fixture(client: client, endpoint: endpoint, folder: folder))
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }
}

/// A client of endpoints of which at least one answers `Status`, within 20 s.
func readyClient(
    _ endpoints: [String], loop: EventLoop, _ change: (inout EtcdClientOptions) -> Void = { _ in }
) async throws -> EtcdClient {
    var options = try EtcdClientOptions(parsing: endpoints)
    change(&options)
    let client = EtcdClient(loop: loop, options: options)
    _ = try await client.status(timeout: .seconds(20))
    return client
}

/// Collects what callbacks tell, and waits for it.
final class Recorder<Element: Sendable>: Sendable {
    private let stream: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(of: Element.self) }

    func record(_ element: Element) { continuation.yield(element) }

    /// Everything from now on, until `isLast` says so.
    func collect(until isLast: ([Element]) -> Bool) async throws -> [Element] {
        var all: [Element] = []
        for await element in stream {
            all.append(element)
            if isLast(all) { return all }
        }
        throw CancellationError()
    }

    func next() async throws -> Element { try await collect { _ in true }[0] }
}

extension Recorder where Element == EtcdWatchEvent {
    /// The next `count` changes as "put key=value" or "delete key"; starts of streams between them are skipped.
    func changes(_ count: Int) async throws -> [String] {
        var texts: [String] = []
        while texts.count < count {
            if case .changes(let events, _) = try await next() { texts += events.map(\.text) }
        }
        return texts
    }
}

extension EtcdEvent {
    var text: String { kind == .put ? "put \(keyValue.keyText)=\(keyValue.valueText)" : "delete \(keyValue.keyText)" }
}
