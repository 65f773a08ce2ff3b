import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// Roles that end and begin, with what that explains.
extension Day {
    func isOwner(_ role: RoleProcess) -> Bool { cluster.owners.contains { $0 === role } }
    func isMaster(_ role: RoleProcess) -> Bool { cluster.masters.contains { $0 === role } }

    /// What the absence of `role` may explain: of an owner that died also that its values are gone.
    func record(absenceOf role: RoleProcess, since start: BootInstant, isDead: Bool) {
        if isOwner(role) {
            if isDead { recorder.recordDeath(of: role.name, from: start) }
            recorder.recordSilence(of: [role.name], from: start, to: HistoryClock.now)
        } else if isMaster(role) || role === cluster.etcd {
            recorder.recordBreak(from: start, to: HistoryClock.now)
        }
    }

    /// Every value may be gone since then: there was no master's word on which owner held what.
    func recordLossOfAll(since start: BootInstant) {
        for owner in cluster.owners { recorder.recordDeath(of: owner.name, from: start) }
    }

    /// The master that leads, by its own word.
    func leader() throws -> RoleProcess? {
        let members = try fluxon("members", "--json", "--timeout", "5s").json["members"]?.elements ?? []
        let name = members.first { $0["state"]?.text == "leading" }?["instance_key"]?.text
        return cluster.masters.first { $0.name == name }
    }

    /// The same process as its operator starts it again. A master that does not lead is not ready, and stands by.
    func startAgain(_ role: RoleProcess) async {
        do { try role.launch() } catch { return complain("\(role.name): \(error)") }
        guard !isMaster(role), role !== cluster.etcd else { return }
        await live(until: { (try? role.awaitReadiness(within: .milliseconds(1))) != nil }, within: .seconds(30)) {
            "\(role.name) is ready again; its log ends: \(role.log.suffix(800))"
        }
    }

    /// The roles, each once, the leading master last: what it takes to be without one is another thing than the rest.
    func rolesInTurn() -> [RoleProcess] {
        let leader = (try? leader()) ?? cluster.master
        return roles.filter { $0 !== leader } + [leader]
    }

    /// Whether all roles are the processes that they were.
    func processes() -> [Int32] { roles.map { $0.processID ?? 0 } }
}
