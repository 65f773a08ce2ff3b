import ArgumentParser
import Fluxon
import FluxonCore
import FluxonMeasure
import Foundation

/// `fluxon bench`
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure the cluster, with memcpy and raw loopback of the same run beside it.",
        discussion: """
            Cases: \(MeasuredCase.allCases.map(\.rawValue).joined(separator: ", ")).
            `local put` and `rpc unary` run with one operation in flight and with 64; large values with as many as \
            \(ByteSize.describe(InFlightBudget.bytes)) allow. With --json each line is an object with case, bytes, threads, in_flight, ops_per_s, \
            gb_per_s, p50_us, p99_us.

            Keys begin with fluxon-bench/ and are removed at the end, also after a failure or Ctrl-C.
            """)

    @Option(
        name: .customLong("case"), help: ArgumentHelp("Only cases whose names contain this. May be given several times.", valueName: "text")
    )
    var only: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only this size, e.g. 4KiB. May be given several times. Default: 1 KiB, 4 KiB, 64 KiB, 1 MiB, 16 MiB.", valueName: "size"))
    var bytes: [String] = []

    @Option(help: ArgumentHelp("How long each case runs at each size.", valueName: "time"))
    var duration = "500ms"

    @Option(
        help: ArgumentHelp(
            "Socket of another owner, or its external, for `remote get tcp`. Default: an owner on this machine found by the master.",
            valueName: "path"))
    var peer: String?

    @OptionGroup var attach: AttachOptions

    func validate() throws {
        for text in bytes where (ByteSize.parse(text) ?? 0) < 1 { throw ValidationError("--bytes \(text): must be a size such as 4KiB") }
        // Several buffers of it lie in memory at a time, and the owner's copies.
        let limit = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / 16
        for text in bytes where (ByteSize.parse(text) ?? 0) > limit {
            throw ValidationError("--bytes \(text): must be at most \(ByteSize.describe(limit)), a sixteenth of this machine's memory")
        }
        if TimeSpan.parse(duration) == nil {
            throw ValidationError("--duration \(duration): must be a time with ms, s, min or h, e.g. 500ms")
        }
        if cases.isEmpty {
            throw ValidationError("--case \(only.joined(separator: " ")): no case has this in its name; see `fluxon bench --help`")
        }
    }

    private var cases: [MeasuredCase] {
        MeasuredCase.allCases.filter { one in only.isEmpty || only.contains { one.rawValue.contains($0) } }
    }

    func run() async throws {
        let stores = try await connect()
        if !attach.json { Terminal.line(Terminal.bold(Measurement.tableHeader)) }
        let work = Task { try await measure(stores) }
        let signals = [SIGINT, SIGTERM].map { Self.watch($0) { work.cancel() } }
        defer { for source in signals { source.cancel() } }
        do {
            try await work.value
        } catch {
            let left = await stores?.keys.removeAll() ?? []
            if !left.isEmpty { Terminal.note("\(left.count) keys could not be removed: \(left[0]) …") }
            throw work.isCancelled ? CommandFailure.failed("interrupted") : error
        }
    }

    private func measure(_ stores: MeasuredCase.Stores?) async throws {
        let sizes = bytes.isEmpty ? MeasuredCase.sizes : bytes.compactMap(ByteSize.parse)
        let timing = CaseTiming(duration: TimeSpan.parse(duration) ?? .milliseconds(500))
        for one in cases {
            for size in sizes {
                try Task.checkCancellation()
                for measurement in try await one.measure(bytes: size, timing: timing, stores: stores) {
                    Terminal.line(attach.json ? measurement.json : measurement.tableRow)
                }
            }
        }
    }

    /// The first of these signals ends the measuring, which removes its keys; a second one ends the process.
    private static func watch(_ number: CInt, _ body: @escaping @Sendable () -> Void) -> any DispatchSourceSignal {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler {
            signal(number, SIG_DFL)
            body()
        }
        source.resume()
        return source
    }

    /// What the chosen cases need of the cluster; nil when they need none.
    private func connect() async throws -> MeasuredCase.Stores? {
        guard cases.contains(where: \.usesStore) else { return nil }
        let store = try await attach.connect(as: "fluxon bench", prefaults: true)
        return MeasuredCase.Stores(store: store, peer: cases.contains(.remoteGet) ? try await connectToPeer(of: store) : nil)
    }

    /// A store at another owner, nil with a note when there is none.
    private func connectToPeer(of store: Store) async throws -> Store? {
        var path = try peer.map { try CommandLineBytes.path($0) }
        if path == nil {
            let control = try ControlClient(path: attach.path(), timeout: attach.duration)
            let members = try await control.members().members
            // One whose socket is on this machine: another host's path names nothing here.
            let owners = members.map(\.description).filter { $0.role == .owner && $0.instanceKey.name != store.ownerName }
            path = owners.first { access($0.socket, F_OK) == 0 }?.socket
        }
        guard let path else {
            Terminal.note("remote get tcp: left out, since there is no other owner on this machine; name one with --peer PATH")
            return nil
        }
        var options = Store.Options()
        options.name = "fluxon bench peer"
        options.timeout = attach.duration
        return try await Store.connect(to: path, options: options)
    }
}
