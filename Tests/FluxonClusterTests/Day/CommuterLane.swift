import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// Short processes, one after the other: each attaches, makes a few calls on keys of all lengths, and ends.
final class CommuterLane {
    private let name: String
    private let path: String
    private let folder: String
    private let seed: UInt64
    private let source: HistoryRecord.Source
    private let recorder: HistoryRecorder
    private let calls: CallLogReader
    private var process: RoleProcess?
    private(set) var finished = 0

    /// Calls of one process.
    private static let calls = 6

    init(index: Int, path: String, owner: String, folder: String, seed: UInt64, recorder: HistoryRecorder) {
        name = "commuters-\(index + 1)"
        self.path = path
        self.folder = folder
        self.seed = seed
        self.recorder = recorder
        source = UInt64((index + 1) * 1000)
        recorder.setOwner(owner, ofSlot: UInt64(index + 1))
        calls = CallLogReader(path: "\(folder)/\(name).calls", name: name, recorder: recorder)
    }

    func pump() {
        if let process {
            guard let ending = process.ending() else { return }
            calls.collect()
            finished += 1
            if ending != .exited(code: 0) {
                recorder.violation("\(name): a short process ended with \(ending); \(process.log.suffix(500))")
            }
        }
        // Each has numbers of its own.
        let first = source << 40 | UInt64(finished) << 16
        let next = RoleProcess(
            name: name, executable: "\(TestCluster.products)/fluxon-chaos-client",
            arguments: [path, calls.path, "\(seed &+ first)", "\(first)", "errand:\(Self.calls)"], folder: folder, announcesReadiness: false
        )
        do { try next.launch() } catch { recorder.violation("\(name): no process could be started: \(error)") }
        process = next
    }

    /// Waits for the process under way.
    func end() {
        guard let process else { return }
        self.process = nil
        let ending = process.awaitEnd(within: .seconds(30))
        calls.collect()
        if ending != .exited(code: 0) {
            recorder.violation("\(name): the last process ended with \(ending.map(String.init(describing:)) ?? "nothing")")
            process.kill()
            recorder.abandon(source)
        }
    }
}
