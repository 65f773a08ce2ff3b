import Fluxon
import FluxonCore
import FluxonMeasure
import FluxonSystem
import Glibc

/// How a cost grows with one thing: each line is `growth, at` and the figures of a case.
enum Growth: String, CaseIterable {
    /// 1 000 to 1 000 000 keys in the cluster: cost of one operation on a random one of them.
    case keys
    /// 1 to 8 client processes on one machine: what all get together.
    case processes
    /// 1 to 64 operations in flight of one process.
    case inFlight = "in-flight"
    /// Values of 1 KiB to 256 MiB, beside memcpy and raw loopback.
    case sizes

    private static let timing = CaseTiming(duration: .milliseconds(500), warmUp: 16)

    func run() async throws {
        switch self {
        case .keys: try await Self.growKeys()
        case .processes: try await Self.growProcesses()
        case .inFlight: try await Self.growInFlight()
        case .sizes: try await Self.growSizes()
        }
    }

    private func report(at: Int, _ measurement: Measurement) {
        Main.line(#"{"growth":"\#(rawValue)","at":\#(at),"# + measurement.json.dropFirst())
    }

    // MARK: Keys

    private static func growKeys() async throws {
        let counts = [1_000, 10_000, 100_000, 1_000_000]
        let cluster = try await DevCluster(owners: 2, poolBytes: 1 << 30)
        defer { cluster.stop() }
        let stores = try await cluster.connect()
        guard let peer = stores.peer else { return }
        var loaded = 0
        for count in counts {
            try await ManyKeys.put(loaded..<count, stores.store, bytes: 64)
            loaded = count
            let cases = RandomKeyCases(store: stores.store, keys: count, timing: timing)
            Growth.keys.report(at: count, try await cases.localGet())
            for lanes in [1, 64] { Growth.keys.report(at: count, try await cases.put(inFlight: lanes)) }
            // At the other owner each is got for the first time.
            let remote = RandomKeyCases(store: peer, keys: count, timing: timing)
            Growth.keys.report(at: count, try await remote.firstGets(min(count / 2, 2_000)))
        }
        stores.store.close()
        peer.close()
    }

    // MARK: Processes

    private static func growProcesses() async throws {
        let cluster = try await DevCluster(owners: 1)
        defer { cluster.stop() }
        guard let socket = try cluster.first("external").socket else { return }
        for (name, bytes) in [(MeasuredCase.localGetZeroCopy, 1 << 10), (.localPut, 4 << 10)] {
            for count in [1, 2, 4, 8] {
                Growth.processes.report(at: count, try await ClientProcess.measure(name, bytes: bytes, processes: count, socket: socket))
            }
        }
    }

    // MARK: In flight

    private static func growInFlight() async throws {
        let cluster = try await DevCluster(owners: 1)
        defer { cluster.stop() }
        let stores = try await cluster.connect()
        for lanes in [1, 2, 4, 8, 16, 32, 64] {
            let cases = StoreCases(store: stores.store, timing: timing)
            Growth.inFlight.report(at: lanes, try await cases.localPut(bytes: 4 << 10, inFlight: lanes))
            Growth.inFlight.report(at: lanes, try await UnaryCallCase.measure(bytes: 4 << 10, inFlight: lanes, timing: timing))
        }
        stores.store.close()
    }

    // MARK: Sizes

    private static func growSizes() async throws {
        let cluster = try await DevCluster(owners: 2, poolBytes: 2 << 30)
        defer { cluster.stop() }
        let stores = try await cluster.connect()
        let longer = CaseTiming(duration: .seconds(1), warmUp: 2)
        for bytes in stride(from: 10, through: 28, by: 2).map({ 1 << $0 }) {
            for one in [MeasuredCase.memcpy, .rawLoopback, .localGetZeroCopy, .remoteGet] {
                for measurement in try await one.measure(bytes: bytes, timing: longer, stores: stores) {
                    Growth.sizes.report(at: bytes, measurement)
                }
            }
            let cases = StoreCases(store: stores.store, timing: longer)
            Growth.sizes.report(at: bytes, try await cases.localPut(bytes: bytes, inFlight: 1))
        }
        stores.store.close()
        stores.peer?.close()
    }
}
