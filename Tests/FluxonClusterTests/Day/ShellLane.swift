import FluxonCore
import FluxonSeededRandom
import FluxonSystem
import FluxonWorkload
import Glibc

/// `fluxon kv put`, `get` and `rm` as a shell script has them, one after the other, on keys of its own; held to what an exit code says.
final class ShellLane {
    private enum Step { case put(UInt64), get, remove }

    private let name: String
    private let path: String
    private let folder: String
    private let recorder: HistoryRecorder
    private var random: SeededRandom
    private var running: (process: RoleProcess, step: Step, call: UInt64)?
    private(set) var finished = 0

    private static let keys = 3
    /// Like the clients' own; what a busy machine adds is not the call's.
    private static let timeout = "8s"

    init(name: String, path: String, folder: String, seed: UInt64, recorder: HistoryRecorder) {
        self.name = name
        self.path = path
        self.folder = folder
        self.recorder = recorder
        random = SeededRandom(seed: seed)
    }

    private var input: String { "\(folder)/\(name).in" }
    private var output: String { "\(folder)/\(name).out" }

    func pump() {
        if let running {
            guard let ending = running.process.ending() else { return }
            ended(running.step, running.call, ending, running.process)
            self.running = nil
        }
        begin()
    }

    func end() {
        guard let running else { return }
        self.running = nil
        let ending = running.process.awaitEnd(within: .seconds(30))
        if let ending { return ended(running.step, running.call, ending, running.process) }
        recorder.violation("\(name): fluxon did not end within 30 s; \(running.process.log.suffix(500))")
        running.process.kill()
        recorder.record(.ended(number: running.call, .unknown, at: HistoryClock.now.nanoseconds))
    }

    private func begin() {
        let key = "\(name)-\(Int.random(in: 0..<Self.keys, using: &random))"
        let call = recorder.newNumber()
        let (step, intent, arguments): (Step, Call.Intent, [String])
        switch Int.random(in: 0..<10, using: &random) {
        case 0: (step, intent, arguments) = (.remove, .remove, ["rm", key])
        case 1..<5:
            let value = recorder.newNumber()
            let count = 16 << Int.random(in: 0..<17, using: &random)
            do { try File.replace(input, with: TestValue.bytes(number: value, count: count)) } catch { return }
            (step, intent, arguments) = (.put(value), .put(value), ["put", key, "--file", input])
        default:
            unlink(output)
            (step, intent, arguments) = (.get, .get, ["get", key, "--output", output])
        }
        let process = RoleProcess(
            name: name, executable: "\(TestCluster.products)/fluxon",
            arguments: ["kv"] + arguments + ["--attach", path, "--timeout", Self.timeout], folder: folder, announcesReadiness: false)
        recorder.record(.began(Call(number: call, key: key, intent: intent)))
        do { try process.launch() } catch {
            recorder.violation("\(name): fluxon could not be started: \(error)")
            return recorder.record(.ended(number: call, .failed(0), at: HistoryClock.now.nanoseconds))
        }
        running = (process, step, call)
    }

    private func ended(_ step: Step, _ call: UInt64, _ ending: ChildProcess.Ending, _ process: RoleProcess) {
        finished += 1
        recorder.record(.ended(number: call, outcome(step, ending, process), at: HistoryClock.now.nanoseconds))
    }

    private func outcome(_ step: Step, _ ending: ChildProcess.Ending, _ process: RoleProcess) -> Call.Outcome {
        switch (step, ending) {
        case (.put, .exited(code: 0)), (.remove, .exited(code: 0)): return .done
        case (.get, .exited(code: 0)):
            let bytes = (try? File.readAll(output, limit: 64 << 20)) ?? []
            guard let number = bytes.withUnsafeBytes({ TestValue.number(of: $0) }) else {
                recorder.violation("\(name): what kv get wrote, \(bytes.count) bytes, is no whole value")
                return .unknown
            }
            return .saw(number)
        case (.get, .exited(code: 3)), (.remove, .exited(code: 3)): return .saw(nil)
        case (.get, .exited(code: 1)): return .failed(0)
        // It may or may not have taken effect.
        case (.put, .exited(code: 1)), (.remove, .exited(code: 1)): return .unknown
        default:
            recorder.violation("\(name): fluxon \(step) ended with \(ending); \(process.log.suffix(500))")
            return .unknown
        }
    }
}
