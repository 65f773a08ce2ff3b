import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Foundation
import Glibc

extension Hour {
    static let slowEtcd = Hour(
        "slow-etcd", "etcd answers late: nobody notices; it does not answer: status says so, and afterwards all go on"
    ) { day in
        let before = day.processes()
        guard let links = day.cluster.proxies.first else { return day.skip("no proxy before etcd") }
        let term = try day.term()
        links.set(.delaying(milliseconds: 150))
        let start = HistoryClock.now
        await day.live(for: .seconds(5))
        day.expect(try day.term() == term, "another master took over for an etcd that answers after 0.3 s")
        links.set(.stalled(.both))
        await day.live(for: .seconds(9))
        let status = try day.fluxon("status", "--json", "--timeout", "5s")
        day.expect(
            status.ending == .exited(code: 1),
            "etcd does not answer, no lease can be given, and status says that all is well: \(status.output.prefix(300))")
        links.set(.open)
        day.recordTrouble(since: start)
        day.expect(day.processes() == before && day.roles.allSatisfy { $0.ending() == nil }, "a role ended because etcd was slow")
    }

    static let fullEtcd = Hour(
        "full-etcd", "etcd has no space: a master that dies waits for it and does not end, and leads when there is space"
    ) { day in
        guard let endpoint = day.cluster.etcdEndpoint, let leader = try day.leader() else { return day.skip("no etcd, or nobody leads") }
        let start = HistoryClock.now
        let etcdctl = "etcdctl --endpoints \(endpoint)"
        let filled = try day.shell(
            "i=0; while [ $i -lt 40 ] && head -c 1000000 /dev/urandom | \(etcdctl) put junk-$i >/dev/null 2>&1; do i=$((i+1)); done; echo $i"
        )
        await day.live(for: .seconds(2))
        let lines = day.lines()
        leader.kill()
        await day.startAgain(leader)
        await day.live(for: .seconds(8))
        day.expect(day.roles.allSatisfy { $0.ending() == nil }, "a role ended for want of space in etcd")
        let grown = zip(day.roles, zip(lines, day.lines())).filter { $1.1 - $1.0 > 60 }.map { "\($0.name): \($1.1 - $1.0)" }
        day.expect(grown.isEmpty, "lines in ten seconds: \(grown.joined(separator: ", "))")
        let freed = try day.shell(
            "\(etcdctl) del --prefix junk- >/dev/null; r=$(\(etcdctl) get junk -w json | sed 's/.*\"revision\":\\([0-9]*\\).*/\\1/'); "
                + "\(etcdctl) compact $r >/dev/null; \(etcdctl) defrag >/dev/null; \(etcdctl) alarm disarm; \(etcdctl) alarm list")
        day.expect(Int(filled.filter(\.isNumber)) ?? 40 < 40, "etcd took 40 MB beyond its quota")
        day.recordTrouble(since: start)
        await day.live(until: { try day.leader() != nil }, within: .seconds(30), "somebody leads; etcdctl said \(freed)")
    }

    static let stoppedEtcd = Hour(
        "stopped-etcd", "etcd's process stands still: status says so, nobody ends, and all go on when it does"
    ) { day in
        guard let etcd = day.cluster.etcd else { return day.skip("no etcd of its own") }
        let (start, before) = (HistoryClock.now, day.processes())
        etcd.signal(SIGSTOP)
        // Longer than the leader's lease, and than the validity of any owner.
        await day.live(for: .seconds(7))
        let status = try day.fluxon("status", "--json", "--timeout", "5s")
        day.expect(
            status.ending == .exited(code: 1), "etcd stands still, and status says that all is well: \(status.output.prefix(300))")
        etcd.signal(SIGCONT)
        await day.live(until: { try day.leader() != nil }, within: .seconds(20), "somebody leads again")
        day.recordTrouble(since: start)
        day.expect(day.processes() == before && day.roles.allSatisfy { $0.ending() == nil }, "a role ended because etcd stood still")
    }

    static let wipedEtcd = Hour(
        "wiped-etcd", "etcd begins anew with nothing: status names `fluxon recover`, by which every owner keeps its values"
    ) { day in
        guard let etcd = day.cluster.etcd else { return day.skip("no etcd of its own") }
        let stores = [try await Store.connect(to: day.cluster.ownerSocket(0)), try await Store.connect(to: day.cluster.ownerSocket(1))]
        defer { for store in stores { store.close() } }
        for (number, store) in stores.enumerated() {
            for index in 0..<5 {
                try await store.put("wiped/\(number)/\(index)", "value of \(number)")
                day.life.pump()
            }
            try await store.put("wiped/\(number)/gone", "x")
        }
        for (number, store) in stores.reversed().enumerated() { try await store.remove("wiped/\(number)/gone") }
        // The last change of the roster has been told to both.
        await day.live(for: .seconds(2))
        let (start, before) = (HistoryClock.now, day.processes())
        etcd.kill()
        try FileManager.default.removeItem(atPath: day.cluster.etcdTool.dataFolder)
        try etcd.launch()
        guard
            await day.live(
                until: {
                    let status = try day.fluxon("status").output
                    return status.contains("waiting for `fluxon recover`") && status.contains("owner-1, owner-2")
                }, within: .seconds(30), "status names both owners and `fluxon recover`")
        else { return day.recordLossOfAll(since: start) }
        let shown = try day.fluxon("recover").output
        day.expect(
            shown.components(separatedBy: "kept").count == 3 && !shown.contains("nothing kept") && shown.contains("recover --yes"),
            "both owners were in, and recover shows:\n\(shown)")
        let done = try day.fluxon("recover", "--yes")
        day.expect(done.ending == .exited(code: 0) && done.output.contains("recovered"), "recover --yes: \(done.output)")
        // Both were told to be kept: nothing that was acknowledged may be lost, and none of it is recorded.
        await day.live(
            until: { try day.leader() != nil && day.life.isServed(since: start) }, within: .seconds(30), "people are served again")
        for (number, store) in stores.reversed().enumerated() {
            for index in 0..<5 {
                let value = try await store.get("wiped/\(number)/\(index)", timeout: .seconds(20))?.copyBytes()
                day.life.pump()
                day.expect(value.map { String(decoding: $0, as: UTF8.self) } == "value of \(number)", "wiped/\(number)/\(index) is lost")
            }
            day.expect(try await store.get("wiped/\(number)/gone") == nil, "wiped/\(number)/gone was removed, and is back")
        }
        day.expect(try day.fluxon("recover").output.contains("nothing to recover"), "recover is wanted a second time")
        day.expect(try day.fluxon("kv", "rm", "--prefix", "wiped/").ending == .exited(code: 0), "kv rm --prefix failed")
        day.expect(day.processes() == before && day.roles.allSatisfy { $0.ending() == nil }, "a role ended because etcd was wiped")
    }
}

extension Day {
    fileprivate func term() throws -> UInt64 { try fluxon("members", "--json").json["term"]?.unsignedInteger ?? 0 }

    /// Owners may have been bypassed, terms may have ended.
    fileprivate func recordTrouble(since start: BootInstant) {
        recorder.recordBreak(from: start, to: HistoryClock.now)
        recorder.recordSilence(of: cluster.owners.map(\.name), from: start, to: HistoryClock.now)
    }

    /// Lines of each role's log so far.
    fileprivate func lines() -> [Int] { roles.map { $0.log.utf8.count { $0 == 10 } } }
}
