import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// A place for a client process: one that was killed is replaced by a new one, with a log and numbers of its own.
final class ClientSlot {
    let name: String
    private let index: Int
    private let path: String
    private let folder: String
    private let environment: [String: String]
    private let readsOnly: String?
    private let seed: UInt64
    private let recorder: HistoryRecorder
    private var life = 0
    private(set) var process: RoleProcess
    private var calls: CallLogReader?

    /// - Parameters:
    ///   - owner: Whose clients these are.
    ///   - readsOnly: The one key that they read, and do nothing else; nil: they do everything.
    init(
        index: Int, path: String, owner: String, folder: String, environment: [String: String], seed: UInt64, recorder: HistoryRecorder,
        readsOnly: String? = nil
    ) {
        self.environment = environment
        self.readsOnly = readsOnly
        self.index = index
        self.path = path
        self.folder = folder
        self.seed = seed
        self.recorder = recorder
        name = "client-\(index + 1)"
        recorder.setOwner(owner, ofSlot: UInt64(index + 1))
        process = RoleProcess(name: name, executable: "", arguments: [], folder: folder, announcesReadiness: false)
    }

    /// Never 0, which the tests' own process has.
    var source: HistoryRecord.Source { UInt64((index + 1) * 1000 + life) }

    func start() throws {
        life += 1
        let calls = CallLogReader(path: "\(folder)/\(name).\(life).calls", name: name, recorder: recorder)
        self.calls = calls
        process = RoleProcess(
            name: "\(name).\(life)", executable: "\(TestCluster.products)/fluxon-chaos-client",
            arguments: [path, calls.path, "\(seed &+ source)", "\(source << 40)"] + (readsOnly.map { [$0] } ?? []), folder: folder,
            announcesReadiness: false,
            environment: environment)
        try process.launch()
    }

    func kill() {
        process.kill()
        collect()
        recorder.abandon(source)
    }

    /// Lets the calls under way end.
    func stop() {
        let ending = process.stop(within: .seconds(20))
        collect()
        if ending != .exited(code: 0) {
            let how = ending.map(String.init(describing:)) ?? "killed"
            recorder.violation("\(name) did not stop in order: \(how), \(process.log.suffix(500))")
        }
    }

    /// Reads what the client has written down since the last time.
    func collect() { calls?.collect() }
}
