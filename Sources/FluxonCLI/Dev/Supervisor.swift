import FluxonCore
import FluxonSystem
import Glibc

/// Starts processes in groups, waits until each is ready, tells when one ends, and stops all in reverse order.
final class Supervisor {
    /// A process that was started and has not been reaped.
    final class Running {
        let member: DevPlan.Member
        let child: ChildProcess
        let notifications: ServiceNotificationSocket
        var isReady = false
        var ending: ChildProcess.Ending?

        init(member: DevPlan.Member, child: consuming ChildProcess, notifications: consuming ServiceNotificationSocket) {
            self.member = member
            self.child = child
            self.notifications = notifications
        }
    }

    /// Why `start` came to an end before everything was ready.
    enum StartFailure: Error {
        case interrupted
        case ended(DevPlan.Member, ChildProcess.Ending)
        case late(DevPlan.Member, after: Duration)
    }

    /// A role that needs longer has a problem that its log shows.
    static let startLimit = Duration.seconds(120)
    /// From SIGTERM to SIGKILL.
    static let stopLimit = Duration.seconds(10)

    /// How often what the processes wrote is measured.
    private static let outputInterval = Duration.seconds(60)

    private(set) var groups: [[Running]] = []
    /// Hears what a process says it is doing.
    var onStatus: ((DevPlan.Member, String) -> Void)?
    private let plan: DevPlan
    private let signals: SignalDescriptor
    private let environment: [String: String]

    /// - Parameter environment: The children's; `NOTIFY_SOCKET` is added to it.
    init(plan: DevPlan, environment: [String: String]) throws(SystemError) {
        self.plan = plan
        self.environment = environment
        signals = try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
    }

    var running: [Running] { groups.flatMap { $0 } }

    /// Starts `members` side by side and returns when all are ready.
    ///
    /// - Throws: `StartFailure`, or a `SystemError` when a program cannot be started. `stop()` is then still to be called.
    func start(_ members: [DevPlan.Member]) throws {
        groups.append([])
        for member in members {
            let notifications = try ServiceNotificationSocket(path: "\(plan.workFolder)/run/\(member.instanceKey).notify")
            let log = try output(of: member).open()
            var environment = environment
            environment["NOTIFY_SOCKET"] = notifications.path
            let child = try ChildProcess(executable: member.executable, arguments: member.arguments, environment: environment, output: log)
            groups[groups.count - 1].append(Running(member: member, child: child, notifications: notifications))
        }
        let deadline = BootClock.now.advanced(by: Self.startLimit)
        while let waiting = groups.last?.first(where: { !$0.isReady }) {
            let left = deadline.since(BootClock.now)
            guard left > .zero else { throw StartFailure.late(waiting.member, after: Self.startLimit) }
            if try wait(at: most(left)) { throw StartFailure.interrupted }
            for process in running { if let ending = process.ending { throw StartFailure.ended(process.member, ending) } }
        }
    }

    /// Returns when a signal asks for the end; until then `onEnding` hears of every process that ends by itself.
    func waitForSignal(onEnding: (Running) -> Void) throws {
        var told: Set<Int32> = []
        while try !wait(at: Self.outputInterval) {
            for process in running { try? output(of: process.member).bound() }
            for process in running where process.ending != nil && told.insert(process.child.processID).inserted { onEnding(process) }
        }
    }

    /// Ends everything, the last started first: SIGTERM, and SIGKILL for what is left after `stopLimit` or at a second signal.
    func stop() throws {
        var isImpatient = false
        for group in groups.reversed() {
            for process in group where process.ending == nil {
                try? process.child.process.signal(SIGTERM)
                // A stopped process would keep its SIGTERM for later.
                try? process.child.process.signal(SIGCONT)
            }
            let deadline = BootClock.now.advanced(by: Self.stopLimit)
            while group.contains(where: { $0.ending == nil }) {
                let left = deadline.since(BootClock.now)
                if left == .zero || isImpatient {
                    for process in group where process.ending == nil { try? process.child.process.signal(SIGKILL) }
                }
                if try wait(at: isImpatient || left == .zero ? .seconds(1) : most(left)) { isImpatient = true }
            }
            for process in group { try File.remove(process.notifications.path) }
        }
    }

    /// Takes one round of what happened; true when a signal asked for the end.
    private func wait(at most: Duration) throws(SystemError) -> Bool {
        let alive = running.filter { $0.ending == nil }
        let descriptors =
            [signals.descriptor.number] + alive.map { $0.child.process.descriptor.number }
            + alive.map { $0.notifications.descriptor.number }
        let readable = try Kernel.waitReadable(descriptors, timeout: most)
        for (index, process) in alive.enumerated() {
            for notification in readable[1 + alive.count + index] ? try process.notifications.receive() : [] {
                switch notification {
                case .ready: process.isReady = true
                case .status(let text): onStatus?(process.member, text)
                case .stopping: break
                }
            }
            if readable[1 + index] { process.ending = try process.child.reap() }
        }
        guard readable[0] else { return false }
        return try signals.next() != nil
    }

    private func output(of member: DevPlan.Member) -> ChildOutput {
        ChildOutput(path: plan.logPath(member.instanceKey), limitBytes: Limits.logFileBytes)
    }

    private func most(_ duration: Duration) -> Duration { duration + .milliseconds(1) }
}
