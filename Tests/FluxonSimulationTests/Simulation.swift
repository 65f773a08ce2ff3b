import FluxonCore
import FluxonMaster
import FluxonOwner
import HeapModule

/// A cluster under virtual time: owners with readers and clients, masters in succession, metadata, network, faults. One seed, one run.
///
///     events (time, order) ─▶ a turn of one node ─▶ its effects become events ─▶ invariants are checked ─▶ next
final class Simulation {
    let options: SimulationOptions
    var random: SeededRandom
    private(set) var now: UInt64 = 0
    private var events: Heap<Event> = []
    private var order: UInt64 = 0

    var metadata = SimulatedMetadata()
    /// Real time until which the metadata store answers nobody.
    var metadataAwayUntil: UInt64 = 0
    var hosts: [SimulatedHost] = []
    var clients: [SimulatedClient] = []
    var masters: [SimulatedMaster] = []
    var connections: [UInt64: SimulatedConnection] = [:]
    var nextConnection: UInt64 = 1
    var keys: [Key] = []
    var nextValue: UInt64 = 1
    var invariants = Invariants()
    var history = History()
    var trace = SimulationTrace()

    struct Event: Comparable {
        let at: UInt64
        let order: UInt64
        let body: () -> Void

        static func < (left: Event, right: Event) -> Bool { (left.at, left.order) < (right.at, right.order) }
        static func == (left: Event, right: Event) -> Bool { left.order == right.order }
    }

    init(seed: UInt64, options: SimulationOptions) {
        self.options = options
        random = SeededRandom(seed: seed)
        trace.isKept = options.keepsTrace
    }

    /// Runs under faults, then without, when everything must come back, then judges.
    func run() -> [String] {
        build()
        let end = UInt64(options.seconds + (options.hasFaults ? Self.recoverySeconds + Self.healthySeconds : 0)) * Self.second
        var second: UInt64 = 0
        var count = 0
        while let event = events.popMin(), event.at <= end, invariants.violations.isEmpty {
            now = event.at
            count = now / Self.second == second ? count + 1 : 0
            second = now / Self.second
            if count > options.eventsPerSecond { invariants.fail("liveness: more than \(count) events in second \(second)") }
            event.body()
        }
        if invariants.violations.isEmpty, isHealthDue { checkHealth() }
        checkHistories()
        // Events hold the simulation and the simulation holds them.
        events = []
        return invariants.violations
    }

    /// Longer than any fault lasts, with an election, W₀ and a new generation behind it; then every call succeeds.
    private static let recoverySeconds = 40
    private static let healthySeconds = 16

    /// No fault begins any more.
    var isCalm: Bool { options.hasFaults && now >= UInt64(options.seconds) * Self.second }
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
        switch random.below(isCalm ? 97 : 100) {
        case 0..<80: random.range(30...400) * Self.microsecond
        case 80..<97: random.range(400...10_000) * Self.microsecond
        case 97..<99: random.range(10...200) * Self.millisecond
        default: random.range(200...1_500) * Self.millisecond
        }
    }

    /// A choice in a list that is not empty.
    func pick<Element>(_ list: [Element]) -> Element { list[Int(random.below(UInt64(list.count)))] }

    private func build() {
        keys = (0..<options.keys).compactMap { try? Key("key-\($0)") }
        for number in 0..<options.owners {
            let host = SimulatedHost(number: number, clock: newClock())
            hosts.append(host)
            startOwner(host, fenced: Generation(0))
            for client in 0..<options.clientsPerHost { startClient(host, client) }
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

struct SimulationOptions {
    var seconds = 60
    var timing = {
        var timing = ProtocolTiming()
        timing.lostAfter = .seconds(12)
        return timing
    }()
    var owners = 3
    var masters = 2
    var keys = 3
    var clientsPerHost = 2
    /// Mean pause of a client between operations, in milliseconds.
    var thinkMilliseconds: UInt64 = 250
    var hasFaults = true
    /// A reader stops at two of so many steps.
    var readerStops: UInt64 = 40
    /// More in one virtual second is a timer that fires for nothing, again and again.
    var eventsPerSecond = 20_000
    /// Mean time between faults, in milliseconds.
    var faultMilliseconds: UInt64 = 3_000
    var keepsTrace = false
    var replicaBug: PlantedReplicaBug?
    var routingBug: PlantedRoutingBug?
    var readerBug: PlantedReaderBug?
}

extension SimulationOptions {
    /// What a seed stands for: how many owners, how often something goes wrong, how busy the clients are.
    static func seeded(_ seed: UInt64) -> SimulationOptions {
        var options = SimulationOptions()
        options.owners = 2 + Int(seed % 3)
        options.faultMilliseconds = [1_000, 2_500, 5_000, 9_000][Int(seed % 4)]
        options.thinkMilliseconds = [20, 60, 200][Int(seed / 4 % 3)]
        options.readerStops = seed % 5 == 0 ? 5 : 40
        options.keys = 2 + Int(seed / 2 % 3)
        return options
    }
}

enum PlantedReaderBug: Hashable, Sendable {
    /// D is checked after the last look at the entry (P4).
    case deadlineLast
}

/// What happened, line by line; always digested, kept only when somebody wants to read it.
struct SimulationTrace {
    var isKept = false
    private(set) var lines: [String] = []
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ time: UInt64, _ kind: UInt64, _ first: UInt64, _ second: UInt64, _ text: @autoclosure () -> String) {
        for part in [time, kind, first, second] { digest = (digest ^ part) &* 0x100_0000_01B3 ^ (digest >> 29) }
        if isKept { lines.append("\(Double(time) / 1e9) \(text())") }
    }
}

/// One life of a process after another at one place.
class SimulatedProcess {
    var life: UInt64 = 0
    var isAlive = false
    var stoppedUntil: UInt64 = 0
}
