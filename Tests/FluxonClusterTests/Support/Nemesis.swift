import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// Disturbs a cluster at random times, as one seed says: kills, stops, cuts, delays, fills memory. At most three faults at a time, no two
/// of one target.
final class Nemesis {
    enum Fault: String, CaseIterable {
        case kill, stop, cut, halfClose, delay, stall, fillMemory

        /// How often, against the others.
        var weight: Int {
            switch self {
            case .kill, .stop: 30
            case .cut, .delay: 10
            case .halfClose, .stall: 8
            case .fillMemory: 4
            }
        }
    }

    private let cluster: TestCluster
    private let clients: [ClientSlot]
    private let recorder: HistoryRecorder
    private let roles: [RoleProcess]
    private let memory: MemoryFiller
    private let began = BootClock.now
    private var random: SeededGenerator
    private var agenda: [(at: BootInstant, what: () -> Void)] = []
    private var busy: Set<String> = []
    private var losses = DoubtfulLosses()
    private(set) var faultCount = 0

    init(seed: UInt64, cluster: TestCluster, clients: [ClientSlot], recorder: HistoryRecorder) {
        random = SeededGenerator(seed: seed)
        self.cluster = cluster
        self.clients = clients
        self.recorder = recorder
        roles = [cluster.master] + cluster.owners + cluster.externals + (cluster.etcd.map { [$0] } ?? [])
        memory = MemoryFiller(folder: cluster.poolFolder)
    }

    /// Disturbs for so long, then waits until the last fault is over.
    func run(for duration: Duration) {
        let end = BootClock.now.advanced(by: duration)
        var next = BootClock.now
        // A role that never comes back must not keep this from ending.
        let last = end.advanced(by: .seconds(30))
        while BootClock.now < end || (!agenda.isEmpty && BootClock.now < last) {
            let now = BootClock.now
            let due = agenda.filter { $0.at <= now }
            agenda.removeAll { $0.at <= now }
            for step in due { step.what() }
            supervise()
            for client in clients { client.collect() }
            if now >= next, now < end {
                if busy.count < 3 { strike() }
                next = now.advanced(by: .milliseconds(Int.random(in: 300...4500, using: &random)))
            }
            usleep(20_000)
        }
        memory.release()
        for loss in losses.instants { recorder.recordLoss(at: loss) }
    }

    /// One line of progress, with the time since the start.
    func say(_ text: String) {
        let tenths = BootClock.now.since(began) / .milliseconds(100)
        print("[\(Int(tenths) / 10).\(Int(tenths) % 10)s] \(text)")
        fflush(nil)
    }

    private func strike() {
        var draw = Int.random(in: 0..<Fault.allCases.reduce(0) { $0 + $1.weight }, using: &random)
        for fault in Fault.allCases {
            draw -= fault.weight
            guard draw < 0 else { continue }
            switch fault {
            case .kill, .stop: disturbProcess(fault)
            case .fillMemory: fillMemory()
            case .cut, .halfClose, .delay, .stall: disturbLink(fault)
            }
            return
        }
    }

    /// Draws a target that is left alone now.
    private func take<Target>(_ targets: [Target], name: (Target) -> String) -> Target? {
        guard let target = targets.randomElement(using: &random), busy.insert(name(target)).inserted else { return nil }
        return target
    }

    private func release(_ name: String, after duration: Duration, _ end: @escaping () -> Void) {
        agenda.append(
            (
                BootClock.now.advanced(by: duration),
                { [self] in
                    end()
                    busy.remove(name)
                }
            ))
    }

    private func disturbProcess(_ fault: Fault) {
        if Int.random(in: 0..<4, using: &random) == 0 { return disturbClient(fault) }
        guard let role = take(roles, name: \.name) else { return }
        faultCount += 1
        let now = BootClock.now
        if fault == .kill {
            say("kill \(role.name)")
            role.kill()
            if cluster.owners.contains(where: { $0 === role }) { recorder.recordLoss(at: now) }
            try? role.launch()
            losses.record(role.name, from: now, to: now)
            // Killed again at once it would never get anywhere.
            return release(role.name, after: .seconds(1)) {}
        }
        let duration = Duration.milliseconds(Int.random(in: 4000...7000, using: &random))
        say("stop \(role.name) for \(duration)")
        role.signal(SIGSTOP)
        losses.record(role.name, from: now, to: now.advanced(by: duration))
        release(role.name, after: duration) { [self] in
            role.signal(SIGCONT)
            say("\(role.name) goes on")
        }
    }

    private func disturbClient(_ fault: Fault) {
        guard let client = take(clients, name: \.name) else { return }
        faultCount += 1
        if fault == .kill {
            say("kill \(client.name)")
            client.kill()
            try? client.start()
            return release(client.name, after: .seconds(1)) {}
        }
        let start = BootClock.now
        let duration = Duration.milliseconds(Int.random(in: 4000...7000, using: &random))
        say("stop \(client.name) for \(duration)")
        client.process.signal(SIGSTOP)
        release(client.name, after: duration) { [self] in
            client.process.signal(SIGCONT)
            recorder.recordStop(of: client.source, from: start, to: BootClock.now)
            say("\(client.name) goes on")
        }
    }

    private func disturbLink(_ fault: Fault) {
        guard let proxy = take(cluster.proxies, name: \.name) else { return }
        faultCount += 1
        let now = BootClock.now
        let duration = Duration.milliseconds(Int.random(in: 200...(fault == .stall ? 7000 : 3000), using: &random))
        losses.record(proxy.name, from: now, to: now.advanced(by: duration))
        switch fault {
        case .cut:
            say("cut \(proxy.name), refuse for \(duration)")
            proxy.set(.refusing)
            proxy.cut()
        case .halfClose:
            say("half-close \(proxy.name)")
            proxy.halfClose()
        case .delay:
            let milliseconds = UInt32.random(in: 5...300, using: &random)
            say("delay \(proxy.name) by \(milliseconds) ms for \(duration)")
            proxy.set(.delaying(milliseconds: milliseconds))
        case .stall, .kill, .stop, .fillMemory:
            say("stall \(proxy.name) for \(duration)")
            proxy.set(.stalled)
        }
        release(proxy.name, after: duration) { proxy.set(.open) }
    }

    private func fillMemory() {
        guard busy.insert("memory").inserted else { return }
        faultCount += 1
        let duration = Duration.milliseconds(Int.random(in: 500...3000, using: &random))
        say("fill \(memory.folder) with \(memory.fill() >> 20) MiB for \(duration)")
        release("memory", after: duration) { [self] in memory.release() }
    }

    /// Starts again what ended by itself, as systemd would; a crash is a defect.
    private func supervise() {
        for role in roles {
            guard let ending = role.ending() else { continue }
            busy.insert(role.name)
            say("\(role.name) ended by itself: \(ending)")
            if case .killed = ending { recorder.violation("\(role.name) crashed: \(ending); its log ends:\n\(role.log.suffix(1500))") }
            if cluster.owners.contains(where: { $0 === role }) { recorder.recordLoss(at: BootClock.now.advanced(by: .seconds(-1))) }
            // As systemd does; what it needs may come back only then.
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
