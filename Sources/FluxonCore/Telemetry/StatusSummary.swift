/// What a person asks of `fluxon status` first, drawn from the figures and the list of members: is it healthy, or why not; how full is the
/// pool; who is there.
package struct StatusSummary: Hashable, Sendable {
    /// Empty: healthy.
    package var problems: [String] = []
    /// How the pool of the owner asked is used; nil where it did not say.
    package var pool: String?
    /// How many of each role there are; nil where no master told.
    package var members: String?

    package var isHealthy: Bool { problems.isEmpty }

    /// - Parameter members: nil: no master told.
    package init(_ status: StatusAnswer, _ members: MembersAnswer?) {
        if let owner = Self.section(of: "owner", in: status) {
            judge(owner)
            pool = Self.pool(owner.figures)
        }
        if let master = Self.section(of: "master", in: status) {
            if let state = master.figures["state"], state != "leading" {
                let what = state == Self.unanswered ? "the master at \(master.name) \(state)" : "\(master.name) is \(state)"
                problems.append("\(what): puts and misses wait\(Self.reason(master.figures))")
            }
        } else {
            problems.append("no master answers: puts and misses wait until one leads")
        }
        if let members { judge(members) }
    }

    private mutating func judge(_ owner: (name: String, figures: [String: String])) {
        if owner.figures["linked"] == "false" {
            problems.append("\(owner.name) is not connected to a master (leader: \(owner.figures["leader"] ?? "none"))")
        }
        if let state = owner.figures["state"], state != "valid" {
            problems.append(
                "\(owner.name) is \(state): its lease from the master has run out, and gets wait for the next one\(Self.reason(owner.figures))"
            )
        }
        if let away = owner.figures["unreachable"], away != "none" { problems.append("\(owner.name) cannot connect to \(away)") }
    }

    /// The state of a master that could not be asked, in the section that stands for its own words.
    package static let unanswered = "does not answer"

    /// What the process itself says is in its way.
    private static func reason(_ figures: [String: String]) -> String {
        figures[StatusAnswer.problemName].flatMap { $0 == "none" ? nil : " (\($0))" } ?? ""
    }

    private mutating func judge(_ answer: MembersAnswer) {
        for member in answer.members where member.description.role == .owner && member.state != "in" {
            problems.append("\(member.description.instanceKey) is \(member.state)")
        }
        var counts: [String] = []
        for role in MemberDescription.Role.allCases {
            let number = answer.members.count { $0.description.role == role }
            counts.append("\(number) \(role.name)\(number == 1 ? "" : "s")")
        }
        let standbys = answer.members.count { $0.state == "standing by" }
        if standbys > 0 { counts[0] += " (\(standbys) standing by)" }
        members = counts.joined(separator: ", ")
    }

    private static func pool(_ figures: [String: String]) -> String? {
        guard let size = figures["pool_bytes"].flatMap({ Int($0) }), size > 0, let live = figures["live_bytes"].flatMap({ Int($0) }) else {
            return nil
        }
        func share(_ bytes: Int) -> String { "\(ByteSize.describe(bytes)) (\((Double(bytes) / Double(size) * 1000).rounded() / 10) %)" }
        let unclaimed = figures["unassigned_bytes"].flatMap { Int($0) }.map { ", \(share($0)) unclaimed" } ?? ""
        return "\(share(live)) of \(ByteSize.describe(size)) hold values\(unclaimed)"
    }

    /// The first section of `role NAME`. Of a figure that is there twice the first one counts.
    private static func section(of role: String, in status: StatusAnswer) -> (name: String, figures: [String: String])? {
        guard let section = status.sections.first(where: { $0.title.hasPrefix(role + " ") }) else { return nil }
        let name = String(section.title.dropFirst(role.count + 1))
        return (name, Dictionary(section.figures.map { ($0.name, $0.value) }) { first, _ in first })
    }
}
