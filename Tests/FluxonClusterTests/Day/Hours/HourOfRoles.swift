import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

extension Hour {
    static let restarts = Hour("restarts", "each role ends on SIGTERM with 0 within ten seconds, and is back") { day in
        for role in day.rolesInTurn() {
            let start = HistoryClock.now
            role.signal(SIGTERM)
            var ending: ChildProcess.Ending?
            await day.live(
                until: {
                    ending = role.ending()
                    return ending != nil
                }, within: .seconds(10), "\(role.name) ends on SIGTERM")
            day.expect(
                ending == .exited(code: 0), "\(role.name) ended with \(ending.map { "\($0)" } ?? "nothing"); \(role.log.suffix(500))")
            if ending == nil { role.kill() }
            await day.startAgain(role)
            day.record(absenceOf: role, since: start, isDead: true)
        }
    }

    static let deaths = Hour("deaths", "each role is killed, and the others and its next life go on") { day in
        for role in day.rolesInTurn() + [day.cluster.etcd].compactMap({ $0 }) {
            let start = HistoryClock.now
            role.kill()
            await day.live(for: .milliseconds(500))
            await day.startAgain(role)
            day.record(absenceOf: role, since: start, isDead: true)
        }
    }

    static let stoppedMachine = Hour(
        "stopped-machine", "an owner, its external and its processes stand still for longer than every lease, and go on"
    ) { day in
        let (start, before) = (HistoryClock.now, day.processes())
        let stopped = [day.cluster.owners[1], day.cluster.externals[1]]
        for role in stopped { role.signal(SIGSTOP) }
        day.life.signal(SIGSTOP, clientsOf: 1)
        await day.live(for: .seconds(8))
        let member = try day.fluxon("members", "--json", "--timeout", "5s").json["members"]?.elements?.first {
            $0["instance_key"]?.text == "owner-2"
        }
        let (state, silent) = (member?["state"]?.text ?? "", member?["silent_ms"]?.unsignedInteger ?? 0)
        day.expect(state != "in" || silent > 5000, "owner-2 stands still for 8 s, and members says '\(state)', silent for \(silent) ms")
        for role in stopped { role.signal(SIGCONT) }
        day.life.signal(SIGCONT, clientsOf: 1)
        day.life.recordStop(clientsOf: 1, from: start)
        day.record(absenceOf: stopped[0], since: start, isDead: false)
        await day.live(for: .seconds(2))
        day.expect(day.processes() == before, "somebody did not outlive the standstill")
    }
}
