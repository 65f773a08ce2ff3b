import FluxonCore
import FluxonSystem
import FluxonWorkload
import Foundation
import Glibc

/// Short processes, one after the other: each attaches, makes a few calls on keys of all lengths, and ends. A shell starts them, so that
/// they come and go whatever the tests' own process is busy with.
final class CommuterLane {
    private let name: String
    private let path: String
    private let folder: String
    private let seed: UInt64
    private let source: HistoryRecord.Source
    private let recorder: HistoryRecorder
    private let calls: CallLogReader
    private var shell: RoleProcess?

    /// Calls of one process.
    private static let calls = 4

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

    private var counted: String { "\(folder)/\(name).count" }
    private var farewell: String { "\(folder)/\(name).end" }

    /// How many have come and gone: each leaves a byte.
    var finished: Int { (try? FileManager.default.attributesOfItem(atPath: counted))?[.size] as? Int ?? 0 }

    func begin() throws {
        // Each process has numbers of its own.
        let line =
            "\(TestCluster.products)/fluxon-chaos-client \(path) \(calls.path) $((\(seed & 0xFFFF_FFFF) + n))"
            + " $((\(source << 40) + (n << 16))) errand:\(Self.calls)"
        let script = "n=\(finished); until [ -e \(farewell) ]; do \(line) || exit; n=$((n + 1)); printf . >> \(counted); done"
        let shell = RoleProcess(name: name, executable: "/bin/sh", arguments: ["-c", script], folder: folder, announcesReadiness: false)
        try shell.launch()
        self.shell = shell
    }

    func collect() {
        calls.collect()
        guard let shell, let ending = shell.ending() else { return }
        recorder.violation("\(name): a short process ended with \(ending); \(shell.log.suffix(500))")
        recorder.abandon(source)
        do { try begin() } catch { recorder.violation("\(name): no shell could be started: \(error)") }
    }

    /// Waits for the process under way.
    func end() {
        guard let shell else { return }
        self.shell = nil
        let isTold = (try? File.replace(farewell, with: [])) != nil
        let ending = isTold ? shell.awaitEnd(within: .seconds(60)) : nil
        calls.collect()
        guard ending != .exited(code: 0) else { return }
        recorder.violation(
            "\(name): the last process ended with \(ending.map(String.init(describing:)) ?? "nothing"); \(shell.log.suffix(500))")
        shell.kill()
        recorder.abandon(source)
    }
}
