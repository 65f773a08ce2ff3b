/// One hour of the day: something that sooner or later happens to every cluster, while people work with it. It complains of what is not as
/// it must be (`Day.expect`); that all is well again afterwards the day itself sees to.
struct Hour: Sendable {
    let name: String
    /// What must hold.
    let rule: String
    let pass: @Sendable (Day) async throws -> Void

    init(_ name: String, _ rule: String, _ pass: @escaping @Sendable (Day) async throws -> Void) {
        self.name = name
        self.rule = rule
        self.pass = pass
    }

    /// In the order of the day. A later one is a file in `Hours` and a name here.
    static let all: [Hour] = [
        .shortProcesses, .keysAndValues, .restarts, .logrotate, .copiedConfiguration, .fullDisk, .stoppedMachine, .renewedCertificates,
        .fullPool, .deaths, .slowEtcd, .stoppedEtcd, .fullEtcd, .wipedEtcd,
    ]

    /// - Parameter names: nil: every hour.
    static func chosen(_ names: [String]?) throws -> [Hour] {
        guard let names else { return all }
        return try names.map { name in
            guard let hour = all.first(where: { $0.name == name }) else { throw UnknownHour(name: name) }
            return hour
        }
    }
}

struct UnknownHour: Error, CustomStringConvertible {
    let name: String
    var description: String { "no hour is called '\(name)'; there are \(Hour.all.map(\.name).joined(separator: ", "))" }
}

/// What became of the hours.
struct DayReport {
    private(set) var passed = 0
    /// What people did, in all rounds.
    private(set) var shortProcesses = 0
    private(set) var calls = 0
    private(set) var skipped: [String] = []
    private(set) var failures: [(hour: String, complaints: [String])] = []

    mutating func ended(_ hour: String, complaints: [String]) {
        if complaints.isEmpty { passed += 1 } else { failures.append((hour, complaints)) }
    }

    mutating func add(shortProcesses: Int, calls: Int) {
        self.shortProcesses += shortProcesses
        self.calls += calls
    }

    mutating func skip(_ hour: String, why: String) { skipped.append("\(hour): \(why)") }

    /// For the end of the day: what failed, then the count.
    func text(evidence: String?, command: String) -> String {
        var lines = skipped.map { "skipped \($0)" }
        for (hour, complaints) in failures { lines += ["FAILED \(hour)"] + complaints.map { "    \($0)" } }
        if let evidence { lines.append("logs and histories: \(evidence); again: \(command)") }
        lines.append("\(shortProcesses) short processes, \(calls) calls")
        lines.append("day: \(passed) passed, \(failures.count) failed, \(skipped.count) skipped")
        return lines.joined(separator: "\n")
    }
}
