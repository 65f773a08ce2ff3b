import Fluxon
import FluxonWorkload
import Glibc
import Synchronization

/// A business process that a nemesis may kill or stop at any moment: puts, replaces, removes and reads until SIGTERM.
///
///     fluxon-chaos-client PATH LOG SEED FIRST [KEY | errand:COUNT]
///
/// PATH is where it attaches, LOG where its calls are written down, FIRST the first of the numbers that are its own. With KEY it does
/// nothing but read that one; on an errand it makes so many calls and ends. It ends with 0 when every call that it began has ended.
@main enum ChaosClient {
    static let keys = KeyPlan(hot: 4, cold: 40, period: .seconds(15))

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard 5...6 ~= arguments.count, let seed = UInt64(arguments[3]), let first = UInt64(arguments[4]) else { exit(64) }
        guard !isStopping.load(ordering: .relaxed) else { exit(0) }
        signal(SIGTERM) { _ in isStopping.store(true, ordering: .relaxed) }
        let log = try CallLogFile(path: arguments[2], first: first)
        let isErrand = arguments.count == 6 && arguments[5].hasPrefix("errand:")
        let store = await connect(to: arguments[1], within: isErrand ? .seconds(60) : nil)
        let largest = isErrand ? 64 << 10 : 1 << 20
        let workload = Workload(stores: [store], keys: keys, log: log, largestValue: largest, seed: seed)
        if arguments.count == 6 {
            guard isErrand else { return await read(arguments[5], store, log) }
            return await workload.errand(Int(arguments[5].dropFirst(7)) ?? 1)
        }
        try await workload.run { @Sendable in
            while !isStopping.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(20)) }
        }
    }

    private static func read(_ key: String, _ store: Store, _ log: CallLogFile) async {
        var client = Client(store: store, log: log)
        while !isStopping.load(ordering: .relaxed) {
            await client.get(key)
            usleep(10_000)
        }
    }

    /// Until the owner is there: it may be down when a client starts. Whoever is on an errand ends in time also where nobody ends it.
    private static func connect(to path: String, within limit: Duration?) async -> Store {
        let start = ContinuousClock.now
        var options = Store.Options()
        options.name = "chaos-client"
        while !isStopping.load(ordering: .relaxed) {
            do throws(FluxonError) {
                return try await Store.connect(to: path, options: options)
            } catch {
                if let limit, ContinuousClock.now - start > limit { exit(69) }
                usleep(100_000)
            }
        }
        exit(0)
    }
}

/// Set by the signal's handler: nothing else is allowed there.
private let isStopping = Atomic<Bool>(false)
