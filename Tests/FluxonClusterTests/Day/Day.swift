import Fluxon
import FluxonCore
import FluxonSeededRandom
import FluxonSystem
import FluxonWorkload
import Foundation
import Glibc

/// A cluster of real processes on which people work, and the hours that pass over it: etcd, two masters, two owners with an external each, TLS
/// between them, every link through a proxy, the owners' logs on small disks of their own.
final class Day {
    let cluster: TestCluster
    private(set) var life: DayLife
    private(set) var report = DayReport()
    var random: SeededRandom
    private let seed: UInt64
    private let evidence: String
    private let began = HistoryClock.now
    private let pulse: MachinePulse
    private var ledger: DayLedger
    private var complaints: [String] = []
    private var skipped: String?
    /// What an hour complained of and could not be mended: later ones are not to answer for it.
    private var lasting: Set<String> = []
    private var round = 0
    /// What the run of standstills is told to: it changes with each round.
    private let recorders: CurrentRecorder

    static let poolBytes = 128 << 20

    init(seed: UInt64, evidence: String) async throws {
        self.seed = seed
        self.evidence = evidence
        random = SeededRandom(seed: seed)
        let cluster = try TestCluster(
            owners: 2, masters: 2, metadata: .etcd, poolBytes: Self.poolBytes, hasExternals: true, usesTLS: true, hasProxies: true,
            hasOwnMemory: true, hasOwnerDisks: true, etcdArguments: ["--quota-backend-bytes", "\(16 << 20)"])
        self.cluster = cluster
        life = DayLife(cluster: cluster, seed: seed, round: 0)
        recorders = CurrentRecorder(life.recorder)
        let owners = cluster.owners.map(\.name)
        pulse = try MachinePulse { [recorders] start, end in
            let recorder = recorders.current
            recorder.recordStop(of: nil, from: start, to: end)
            // Long enough for a lease to end, at the owners or at the master.
            guard end.since(start) > .seconds(1) else { return }
            recorder.recordSilence(of: owners, from: start, to: end)
            recorder.recordBreak(from: start, to: end)
        }
        ledger = DayLedger()
    }

    deinit { pulse.stop() }

    var recorder: HistoryRecorder { life.recorder }
    var roles: [RoleProcess] { cluster.masters + cluster.owners + cluster.externals }

    // MARK: The day

    /// One round through `hours`, then further ones in another order each until `duration` is over.
    func pass(hours: [Hour], for duration: Duration) async {
        var order = hours
        repeat {
            if round > 0 {
                life = DayLife(cluster: cluster, seed: seed &+ UInt64(round), round: round)
                recorders.current = life.recorder
                order.shuffle(using: &random)
            }
            recorder.setOrigin(began)
            await hour("morning") { day in
                try day.life.begin()
                await day.live(until: { day.life.isServed(since: day.began) }, within: .seconds(30), "everybody is served")
                if day.round == 0 { day.ledger.begin(try Footprint(of: day.cluster)) }
            }
            for hour in order { await self.hour(hour.name, hour.pass) }
            await evening(isWhole: hours.count == Hour.all.count)
            round += 1
        } while HistoryClock.now.since(began) < duration
        let command =
            "scripts/day --seed \(seed)" + (hours.count == Hour.all.count ? "" : " --hour \(hours.map(\.name).joined(separator: ","))")
        say(report.text(evidence: report.failures.isEmpty ? nil : keepEvidence(), command: command))
    }

    private func hour(_ name: String, _ body: (Day) async throws -> Void) async {
        complaints = []
        skipped = nil
        let start = HistoryClock.now
        let before = life.shortProcesses
        do { try await body(self) } catch { complain("\(error)") }
        if name != "evening" { await recover() }
        let seconds = (HistoryClock.now.since(start) / .milliseconds(100)).rounded() / 10
        if let skipped { report.skip(name, why: skipped) } else { report.ended(name, complaints: complaints) }
        let outcome = skipped.map { "skipped: \($0)" } ?? (complaints.isEmpty ? "passed" : "FAILED: \(complaints[0].prefix(300))")
        say("\(name): \(outcome) (\(seconds) s, \(life.shortProcesses - before) short processes, \(recorder.finishedOperations) calls)")
    }

    /// After each hour all is well again: every role runs, everybody is served, and what is said is so.
    private func recover() async {
        for role in roles + (cluster.etcd.map { [$0] } ?? []) {
            role.signal(SIGCONT)
            guard role.processID == nil || role.ending() != nil else { continue }
            complain("\(role.name) did not run at the end of the hour; it was started again")
            if cluster.owners.contains(where: { $0 === role }) {
                recorder.recordDeath(of: role.name, from: HistoryClock.now.advanced(by: .seconds(-60)))
            }
            do { try role.launch() } catch { complain("\(role.name): \(error)") }
        }
        await restoreSharedDescriptions()
        for proxy in cluster.proxies { proxy.set(.open) }
        let start = HistoryClock.now
        await live(until: { self.life.isServed(since: start) }, within: .seconds(40), "everybody is served again")
        var untrue: [String] = []
        await live(
            until: {
                untrue = DayAudit(self).problems.filter { !lasting.contains($0) }
                return untrue.isEmpty
            }, within: .seconds(20)
        ) { "what is said is so: \(untrue)" }
        lasting.formUnion(untrue)
        for violation in ledger.sample(roles, folder: cluster.folder) { complain(violation) }
    }

    /// An owner without it is out of reach until it is started again.
    private func restoreSharedDescriptions() async {
        for (index, owner) in cluster.owners.enumerated() {
            await live(for: .milliseconds(100))
            guard owner.processID != nil, access(cluster.sharedDescription(index), F_OK) != 0,
                (try? owner.awaitReadiness(within: .seconds(10))) == nil
            else { continue }
            complain("\(owner.name) runs without its shared.json; it was started again")
            let start = HistoryClock.now
            owner.kill()
            await startAgain(owner)
            record(absenceOf: owner, since: start, isDead: true)
        }
    }

    /// On a machine with two cores that has other things to do a whole day has two thousand short processes.
    private static let fewestShortProcesses = 1000

    private func evening(isWhole: Bool) async {
        await hour("evening") { day in
            day.recorder.beginCalm()
            await day.live(for: .seconds(5))
            day.life.end()
            let many = day.life.shortProcesses
            day.expect(!isWhole || many >= Self.fewestShortProcesses, "only \(many) short processes came and went")
            day.report.add(shortProcesses: many, calls: day.recorder.finishedOperations)
            let stores = [
                try await Store.connect(to: day.cluster.externalSocket(0)), try await Store.connect(to: day.cluster.ownerSocket(1)),
            ]
            await Workload(stores: stores, keys: KeyPlan(hot: 1), log: day.recorder).sweep(day.recorder.keys)
            for store in stores { store.close() }
            for text in day.recorder.verdict() { day.complain(text) }
            for text in await day.excess(within: .seconds(40)) { day.complain(text) }
        }
    }

    /// What is still there beyond what was there in the morning. A ticket whose asker gave up keeps its source's bytes for 30 s.
    private func excess(within limit: Duration) async -> [String] {
        let start = HistoryClock.now
        var excess: [String] = []
        repeat {
            try? await Task.sleep(for: .milliseconds(500))
            do { excess = ledger.excess(try Footprint(of: cluster)) } catch { excess = ["\(error)"] }
        } while !excess.isEmpty && HistoryClock.now.since(start) < limit
        return excess
    }

    // MARK: For the hours

    func complain(_ text: String) { complaints.append(text) }

    func expect(_ condition: Bool, _ text: @autoclosure () -> String) { if !condition { complain(text()) } }

    /// What this hour needs cannot be had here.
    func skip(_ why: String) { skipped = why }

    /// People go on working for so long.
    func live(for duration: Duration) async {
        let end = HistoryClock.now.advanced(by: duration)
        while HistoryClock.now < end {
            life.pump()
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// People go on working until `condition`; complains when it does not come about in time.
    @discardableResult
    func live(until condition: () throws -> Bool, within limit: Duration, _ what: () -> String) async -> Bool {
        let start = HistoryClock.now
        // What the machine's standing still takes is not the cluster's.
        let stood = pulse.standstill
        while HistoryClock.now.since(start) - (pulse.standstill - stood) < limit {
            if (try? condition()) == true { return true }
            await live(for: .milliseconds(200))
        }
        complain("not within \(limit): \(what())")
        return false
    }

    @discardableResult
    func live(until condition: () throws -> Bool, within limit: Duration, _ what: String) async -> Bool {
        await live(until: condition, within: limit, { what })
    }

    func say(_ text: String) {
        let seconds = HistoryClock.now.since(began) / .seconds(1)
        print(String(format: "%7.1f  %@", seconds, text))
        fflush(nil)
    }

    /// What `fluxon` says, run at this owner.
    func fluxon(_ arguments: String..., at owner: Int = 0) throws -> CommandLineTool.Result {
        try CommandLineTool.run(arguments, attachedTo: cluster.ownerSocket(owner), in: cluster.folder)
    }

    /// Logs and histories of a day on which something failed.
    private func keepEvidence() -> String? {
        do {
            try File.makeDirectories(evidence)
            let sources = [cluster.folder] + cluster.owners.indices.map { "\(cluster.folder)/run-\($0 + 1)" }
            for source in sources {
                for name in try FileManager.default.contentsOfDirectory(atPath: source)
                where [".log", ".calls", ".yaml"].contains(where: name.hasSuffix) {
                    let target = "\(evidence)/\(source == cluster.folder ? "" : "\(source.split(separator: "/").last ?? "")-")\(name)"
                    try File.replace(target, with: File.readAll("\(source)/\(name)", limit: 1 << 28))
                }
            }
            return evidence
        } catch {
            say("evidence not kept: \(error)")
            return nil
        }
    }
}
