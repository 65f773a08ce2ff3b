import FluxonCore
import FluxonSeededRandom
import FluxonSystem
import FluxonWorkload
import Glibc

/// Disturbs a cluster at random times, as one seed says. At most three faults at a time beside one long one, no two of one target.
final class Nemesis {
    enum Fault: String, CaseIterable {
        case kill, stop, cut, halfClose, delay, stall, lose, shutDown, stepWall, skewClock, fillMemory

        /// How often, against the others.
        var weight: Int {
            switch self {
            case .kill, .stop: 26
            case .cut, .delay, .stall: 9
            case .halfClose, .lose, .shutDown: 7
            case .skewClock: 6
            case .stepWall, .fillMemory: 4
            }
        }
    }

    let cluster: TestCluster
    let clients: [ClientSlot]
    let recorder: HistoryRecorder
    let roles: [RoleProcess]
    let network = PacketLoss()
    private let memory: MemoryFiller
    private let began = HistoryClock.now
    var random: SeededRandom
    private var agenda: [(at: BootInstant, what: () -> Void)] = []
    private var busy: Set<String> = []
    /// A target that is away for longer than `lost_after`, while the others go on.
    private(set) var longAway: String?
    /// A short run has no time for what lasts longer than `lost_after`.
    private var hasTimeForLongFaults = false
    /// Boot clocks run at a fifth instead of within ρ (CONSISTENCY §1): a run must find that out.
    private let isBeyondBound: Bool
    private(set) var faults: [Fault: Int] = [:]

    var faultCount: Int { faults.values.reduce(0, +) }

    init(seed: UInt64, cluster: TestCluster, clients: [ClientSlot], recorder: HistoryRecorder, isBeyondBound: Bool) {
        self.isBeyondBound = isBeyondBound
        random = SeededRandom(seed: seed)
        self.cluster = cluster
        self.clients = clients
        self.recorder = recorder
        roles = cluster.masters + cluster.owners + cluster.externals + (cluster.etcd.map { [$0] } ?? [])
        memory = MemoryFiller(folder: cluster.poolFolder)
        recorder.setOrigin(began)
    }

    /// Disturbs for so long, then waits until the last fault is over.
    func run(for duration: Duration) {
        let end = HistoryClock.now.advanced(by: duration)
        var next = HistoryClock.now
        hasTimeForLongFaults = duration > .seconds(60)
        if isBeyondBound { for clock in cluster.clocks.dropFirst() { clock.setRate(200_000) } }
        while HistoryClock.now < end || !agenda.isEmpty {
            let now = HistoryClock.now
            let due = agenda.filter { $0.at <= now }
            agenda.removeAll { $0.at <= now }
            for step in due { step.what() }
            supervise(restarts: now < end.advanced(by: .seconds(30)))
            for client in clients { client.collect() }
            if now >= next, now < end {
                if busy.count - (longAway == nil ? 0 : 1) < 3 { strike() }
                next = now.advanced(by: .milliseconds(Int.random(in: 300...4500, using: &random)))
            }
            usleep(20_000)
        }
        memory.release()
        for clock in cluster.clocks { clock.setRate(1_000_000) }
    }

    /// One line of progress, with the time since the start.
    func say(_ text: String) {
        let tenths = Int(HistoryClock.now.since(began) / .milliseconds(100))
        print("[\(tenths / 10).\(tenths % 10)s] \(text)")
        fflush(nil)
    }

    private func strike() {
        let possible = Fault.allCases.filter { $0 != .lose || network.isPossible }
        var draw = Int.random(in: 0..<possible.reduce(0) { $0 + $1.weight }, using: &random)
        for fault in possible {
            draw -= fault.weight
            guard draw < 0 else { continue }
            switch fault {
            case .kill, .stop: disturbProcess(fault)
            case .cut, .halfClose, .delay, .stall, .lose: disturbLink(fault)
            case .shutDown: shutDownConnections()
            case .stepWall, .skewClock: disturbClock(fault)
            case .fillMemory: fillMemory()
            }
            return
        }
    }

    func count(_ fault: Fault, _ text: String) {
        faults[fault, default: 0] += 1
        say(text)
    }

    /// Draws a target that is left alone now.
    func take<Target>(_ targets: [Target], name: (Target) -> String) -> Target? {
        guard let target = targets.randomElement(using: &random), busy.insert(name(target)).inserted else { return nil }
        return target
    }

    func release(_ name: String, after duration: Duration, _ end: @escaping () -> Void) {
        let finish = { [self] in
            end()
            busy.remove(name)
            if longAway == name { longAway = nil }
        }
        agenda.append((HistoryClock.now.advanced(by: duration), finish))
    }

    /// Seconds for which `name` is away: beyond every lease; now and then, one at a time, beyond `lost_after`.
    func drawAbsence(of name: String, mayBeLost: Bool, upTo limit: Int) -> Duration {
        let milliseconds = Int.random(in: 4000...limit * 1000, using: &random)
        guard mayBeLost, hasTimeForLongFaults, longAway == nil, Int.random(in: 0..<4, using: &random) == 0 else {
            return .milliseconds(milliseconds)
        }
        longAway = name
        return .milliseconds(31_000 + milliseconds)
    }

    private func disturbClock(_ fault: Fault) {
        guard let machine = cluster.clocks.indices.randomElement(using: &random) else { return }
        if fault == .stepWall {
            let minutes = Int.random(in: -50_000...50_000, using: &random)
            cluster.clocks[machine].stepWall(by: .seconds(minutes * 60))
            return count(fault, "step the wall clock of machine \(machine) by \(minutes) minutes")
        }
        let rate = isBeyondBound ? 200_000 : Int64.random(in: 900_000...1_100_000, using: &random)
        cluster.clocks[machine].setRate(rate)
        count(fault, "the boot clock of machine \(machine) runs at \(rate) parts in a million")
    }

    private func fillMemory() {
        guard busy.insert("memory").inserted else { return }
        let duration = Duration.milliseconds(Int.random(in: 500...3000, using: &random))
        count(.fillMemory, "fill \(memory.folder) with \(memory.fill() >> 20) MiB for \(duration)")
        release("memory", after: duration) { [self] in memory.release() }
    }

    /// Starts again what ended by itself, as systemd would; a crash is a defect.
    private func supervise(restarts: Bool) {
        for role in roles {
            guard let ending = role.ending() else { continue }
            busy.insert(role.name)
            say("\(role.name) ended by itself: \(ending)")
            if case .killed = ending { recorder.violation("\(role.name) crashed: \(ending); its log ends:\n\(role.log.suffix(1500))") }
            if cluster.owners.contains(where: { $0 === role }) {
                recorder.recordDeath(of: role.name, from: HistoryClock.now.advanced(by: .seconds(-1)))
            }
            // A role that never comes back must not keep a run from ending.
            guard restarts else { return recorder.violation("\(role.name) does not stay up: \(ending)") }
            // What it needs may come back only then.
            release(role.name, after: .seconds(1)) { try? role.launch() }
        }
        for client in clients {
            guard let ending = client.process.ending() else { continue }
            recorder.violation("\(client.name) ended by itself: \(ending); \(client.process.log.suffix(1500))")
            client.kill()
            try? client.start()
        }
    }
}
