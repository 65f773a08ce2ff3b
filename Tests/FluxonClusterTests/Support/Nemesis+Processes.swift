import FluxonCore
import FluxonSeededRandom
import FluxonSystem
import FluxonWorkload
import Glibc

/// Kills and stops.
extension Nemesis {
    func disturbProcess(_ fault: Fault) {
        if Int.random(in: 0..<4, using: &random) == 0 { return disturbClient(fault) }
        guard let role = take(roles, name: \.name) else { return }
        if fault == .kill { kill(role) } else { stop(role) }
    }

    private func isOwner(_ role: RoleProcess) -> Bool { cluster.owners.contains { $0 === role } }

    /// Dead, and started again at once, or later than every lease, or after the cluster has given it up.
    private func kill(_ role: RoleProcess) {
        let isBackAtOnce = Int.random(in: 0..<5, using: &random) < 3
        let absence = isBackAtOnce ? Duration.zero : drawAbsence(of: role.name, mayBeLost: isOwner(role), upTo: 10)
        count(.kill, "kill \(role.name)" + (isBackAtOnce ? "" : ", start it after \(absence)"))
        let now = HistoryClock.now
        role.kill()
        if isOwner(role) { recorder.recordDeath(of: role.name, from: now) }
        record(role.name, from: now, to: now.advanced(by: absence))
        if isBackAtOnce { try? role.launch() }
        // Killed again at once it would never get anywhere.
        release(role.name, after: absence + .seconds(1)) { if !isBackAtOnce { try? role.launch() } }
    }

    private func stop(_ role: RoleProcess) {
        let duration = drawAbsence(of: role.name, mayBeLost: isOwner(role), upTo: 9)
        count(.stop, "stop \(role.name) for \(duration)")
        let now = HistoryClock.now
        role.signal(SIGSTOP)
        release(role.name, after: duration) { [self] in
            role.signal(SIGCONT)
            record(role.name, from: now, to: HistoryClock.now)
            say("\(role.name) goes on")
        }
    }

    /// What the absence of a role may explain.
    private func record(_ role: String, from start: BootInstant, to end: BootInstant) {
        if role.hasPrefix("owner") {
            recorder.recordSilence(of: [role], from: start, to: end)
        } else if !role.hasPrefix("external") {
            recorder.recordBreak(from: start, to: end)
        }
    }

    private func disturbClient(_ fault: Fault) {
        guard let client = take(clients, name: \.name) else { return }
        let start = HistoryClock.now
        if fault == .kill {
            count(fault, "kill \(client.name)")
            client.kill()
            try? client.start()
            return release(client.name, after: .seconds(1)) {}
        }
        let duration = drawAbsence(of: client.name, mayBeLost: true, upTo: 9)
        count(fault, "stop \(client.name) for \(duration)")
        client.process.signal(SIGSTOP)
        release(client.name, after: duration) { [self] in
            client.process.signal(SIGCONT)
            recorder.recordStop(of: client.source, from: start, to: HistoryClock.now)
            say("\(client.name) goes on")
        }
    }
}
