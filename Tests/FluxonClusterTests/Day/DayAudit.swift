import FluxonCore
import FluxonSystem

/// What `fluxon status` and `fluxon members` say, held against the processes that there are.
struct DayAudit {
    private(set) var problems: [String] = []

    /// Of a day on which everything runs and nothing is disturbed.
    init(_ day: Day) {
        do {
            for owner in day.cluster.owners.indices {
                try check(status: day.fluxon("status", "--json", "--timeout", "5s", at: owner), owner)
            }
            try check(members: day.fluxon("members", "--json", "--timeout", "5s").json, day)
        } catch { problems.append("\(error)") }
    }

    private mutating func check(status: CommandLineTool.Result, _ owner: Int) throws {
        let health = try status.json["health"]
        guard status.ending == .exited(code: 0), health?["problems"]?.elements?.isEmpty == true else {
            problems.append("status at owner-\(owner + 1): \(status.ending.map { "\($0)" } ?? ""), \(health?.text() ?? status.output)")
            return
        }
    }

    private mutating func check(members: JSONValue, _ day: Day) {
        var said: [String: (state: String, process: UInt64)] = [:]
        for member in members["members"]?.elements ?? [] {
            said[member["instance_key"]?.text ?? ""] = (member["state"]?.text ?? "", member["pid"]?.unsignedInteger ?? 0)
        }
        for role in day.roles {
            guard let member = said.removeValue(forKey: role.name) else {
                problems.append("\(role.name) is no member")
                continue
            }
            if let process = role.processID, member.process != UInt64(process) {
                problems.append("\(role.name) is process \(process), and members says \(member.process)")
            }
            let isMaster = day.cluster.masters.contains { $0 === role }
            let isOwner = day.cluster.owners.contains { $0 === role }
            let right = isMaster ? ["leading", "standing by"] : isOwner ? ["in"] : ["connected"]
            if !right.contains(member.state) { problems.append("\(role.name) runs, and members says '\(member.state)'") }
        }
        for (name, member) in said { problems.append("members says that \(name) is \(member.state), and there is no such process") }
    }
}
