import FluxonCore
import FluxonLinearizability
import FluxonMaster
import FluxonOwner
import FluxonSeededRandom
import struct FluxonTransfer.PathID
import HeapModule

/// A cluster under virtual time: owners with their pools and processes, masters in succession, metadata, network, faults. One seed,
/// one run.
///
///     events (time, order) ─▶ a turn of one node ─▶ its effects become events ─▶ invariants are checked ─▶ next
///
/// The rules are the product's own: `RoutingTable`, `Authority` at the masters; `ReplicaTable`, `ProcessLedger`, `TicketTable`, `Pool`
/// at the owners; `SteppedRead`, `WriteArena` in the processes; every message goes through its codec. Simulated are time, the network,
/// etcd, and the actors that give the rules time.
package final class Simulation {
    let seed: UInt64
    let options: SimulationOptions
    var random: SeededRandom
    private(set) var now: UInt64 = 0
    private var events: Heap<Event> = []
    private var order: UInt64 = 0

    var metadata = SimulatedMetadata()
    /// Real time until which the metadata store answers nobody.
    var metadataAwayUntil: UInt64 = 0
    /// Until then it acts, but its answers are lost.
    var metadataAnswersLostUntil: UInt64 = 0
    var hosts: [SimulatedHost] = []
    var clients: [SimulatedClient] = []
    var masters: [SimulatedMaster] = []
    var connections: [UInt64: SimulatedConnection] = [:]
    var nextConnection: UInt64 = 1
    var keys: [Key] = []
    var nextValue: UInt64 = 1
    var nextPath: UInt64 = 1
    /// Between owners, as the sources know them.
    var openPaths: Set<PathID> = []
    var reports: Set<Report> = []
    /// Commits for which owners were told to park what they have, over these connections.
    var replacing: [OperationReference: [SimulatedConnection]] = [:]
    /// The key of a commit that a term left half done, and until when no other is looked for.
    var chain: (key: Key, until: UInt64)?
    var invariants = Invariants()
    var history = History()
    package internal(set) var trace = SimulationTrace()
    private(set) var eventCount = 0

    struct Event: Comparable {
        let at: UInt64
        let order: UInt64
        let body: () -> Void

        static func < (left: Event, right: Event) -> Bool { (left.at, left.order) < (right.at, right.order) }
        static func == (left: Event, right: Event) -> Bool { left.order == right.order }
    }

    package init(seed: UInt64, options: SimulationOptions) {
        self.seed = seed
        self.options = options
        random = SeededRandom(seed: seed)
        trace.isKept = options.keepsTrace
        invariants.name = { String($0.description.prefix(5)) }
    }

    /// Runs under faults, then without, when everything must come back, then judges.
    package func run() -> SimulationReport {
        build()
        let end = UInt64(options.seconds + (options.hasFaults ? Self.recoverySeconds + Self.healthySeconds : 0)) * Self.second
        var second: UInt64 = 0
        var count = 0
        while let event = events.popMin(), event.at <= end, invariants.violations.isEmpty {
            now = event.at
            count = now / Self.second == second ? count + 1 : 0
            second = now / Self.second
            if count > options.eventsPerSecond { invariants.fail("liveness: more than \(count) events in second \(second)") }
            eventCount += 1
            event.body()
        }
        if invariants.violations.isEmpty, isHealthDue {
            checkHealth()
            checkLeaks()
        }
        i11Linearizable()
        defer { dissolve() }
        return report()
    }

    /// Events, processes, sessions and owners hold each other, and pools hold memory.
    private func dissolve() {
        events = []
        for client in clients {
            client.session = nil
            client.call = nil
        }
        for host in hosts {
            host.table = nil
            host.gets = [:]
            host.commits = [:]
            host.sessions = []
            host.everySession = []
            host.stores = []
            host.connection = nil
        }
        connections = [:]
    }

    /// Longer than any fault lasts, with an election, W₀ and a new generation behind it; then every call succeeds.
    private static let recoverySeconds = 40
    private static let healthySeconds = 16

    /// No fault begins any more.
    var isCalm: Bool { options.hasFaults && now >= UInt64(options.seconds) * Self.second }
    /// Faults may begin.
    var isRough: Bool { options.hasFaults && !isCalm }
    /// Whatever went wrong is over.
    var isHealthDue: Bool { options.hasFaults && now >= UInt64(options.seconds + Self.recoverySeconds) * Self.second }

    static let microsecond: UInt64 = 1_000
    static let millisecond: UInt64 = 1_000_000
    static let second: UInt64 = 1_000_000_000

    func schedule(after delay: UInt64, _ body: @escaping () -> Void) {
        order += 1
        events.insert(Event(at: now + delay, order: order, body: body))
    }

    /// Delivers to a process: dropped if it died meanwhile, later if it is stopped.
    func deliver(to process: SimulatedProcess, after delay: UInt64, _ body: @escaping () -> Void) {
        let life = process.life
        schedule(after: delay) { [unowned self] in
            guard process.life == life, process.isAlive else { return }
            if process.stoppedUntil > now {
                deliver(to: process, after: process.stoppedUntil - now, body)
            } else {
                body()
            }
        }
    }

    /// Most messages are fast, some are not; some are very late, which is a fault.
    func networkDelay() -> UInt64 {
        switch random.below(isRough ? 100 : 97) {
        case 0..<80: random.range(30...400) * Self.microsecond
        case 80..<97: random.range(400...10_000) * Self.microsecond
        case 97..<99: random.range(10...200) * Self.millisecond
        default: random.range(200...1_500) * Self.millisecond
        }
    }

    /// Of a key, for people.
    func name(_ key: Key) -> String { invariants.name(key) }

    /// A choice in a list that is not empty.
    func pick<Element>(_ list: [Element]) -> Element { list[Int(random.below(UInt64(list.count)))] }

    private func build() {
        // The last key is too long to lie in its entry.
        keys = (0..<options.keys).compactMap { number in
            try? Key(number > 0 && number == options.keys - 1 ? "key-\(number)" + String(repeating: "…", count: 30) : "key-\(number)")
        }
        for number in 0..<options.owners {
            guard let store = newPool(0) else { return }
            let host = SimulatedHost(number: number, clock: newClock(), store: store)
            hosts.append(host)
            startOwner(host, fenced: Generation(0))
            for place in 0..<options.clientsPerHost {
                let client = SimulatedClient(host: host, place: place)
                clients.append(client)
                startClient(client, after: random.range(1...500) * Self.millisecond)
            }
        }
        for number in 0..<options.masters {
            let master = SimulatedMaster(number: number, clock: newClock())
            masters.append(master)
            startMaster(master)
        }
        if options.hasFaults { scheduleFault() }
    }

    private func newClock() -> SimulatedClock {
        SimulatedClock(offset: random.range(1...1_000) * Self.second, rate: newRate())
    }

    /// ρ as in `ProtocolTiming`: a clock daemon slews by up to 10 %.
    func newRate() -> UInt64 {
        random.oneIn(2) ? 1_000_000 : random.range(890_000...1_110_000)
    }
}
