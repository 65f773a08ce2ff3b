import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Foundation
import Glibc

extension Hour {
    static let logrotate = Hour("logrotate", "logs are moved away and SIGHUP sent: new ones begin, and nobody ends") { day in
        let store = try await Store.connect(to: day.cluster.ownerSocket(0))
        defer { store.close() }
        try await store.put("logrotate", "kept")
        let before = day.processes()
        let logs = day.cluster.owners.indices.flatMap { ["run-\($0 + 1)/owner.log", "run-\($0 + 1)/external-\($0 + 1).log"] }.map {
            "\(day.cluster.folder)/\($0)"
        }
        for path in logs { day.expect(rename(path, path + ".1") == 0, "\(path) is not there") }
        for role in day.roles { role.signal(SIGHUP) }
        await day.live(for: .seconds(1))
        day.expect(day.processes() == before && day.roles.allSatisfy { $0.ending() == nil }, "a role ended at SIGHUP")
        let old = logs.map { size("\($0).1") }
        // Something to tell: the links to the masters are cut.
        for proxy in day.cluster.proxies where proxy.name.hasPrefix("links to master") { proxy.cut() }
        await day.live(for: .seconds(3))
        for (path, old) in zip(logs, old) {
            day.expect(access(path, F_OK) == 0, "\(path) was not opened anew")
            day.expect(size("\(path).1") == old, "\(path).1 was written to after SIGHUP")
        }
        day.expect(try await store.get("logrotate") != nil, "a value did not outlive SIGHUP")
        _ = try await store.remove("logrotate")
        for path in logs { unlink(path + ".1") }
    }

    static let fullDisk = Hour("full-disk", "the disk of an owner's logs is full: it serves, and its log goes on when there is room") {
        day in
        let folder = "\(day.cluster.folder)/run-1"
        guard let space = try? File.space(at: folder), space.total <= 16 << 20 else {
            return day.skip("no disk of its own could be mounted")
        }
        let filler = MemoryFiller(folder: folder)
        let before = day.processes()
        day.expect(filler.fill() > 0, "nothing could be filled")
        defer { filler.release() }
        // Processes come and go, links break: there is something to be logged.
        for proxy in day.cluster.proxies where proxy.name.hasPrefix("links to master") { proxy.cut() }
        await day.live(for: .seconds(4))
        let store = try await Store.connect(to: day.cluster.sharedDescription(0))
        defer { store.close() }
        try await store.put("full-disk", "x")
        day.expect(try await store.get("full-disk") != nil, "a value was not there while the disk was full")
        filler.release()
        for proxy in day.cluster.proxies where proxy.name.hasPrefix("links to master") { proxy.cut() }
        let log = "\(folder)/owner.log"
        let old = size(log)
        await day.live(until: { size(log) > old }, within: .seconds(10), "the owner's log goes on")
        day.expect(day.processes() == before, "a role ended for want of disk")
        _ = try await store.remove("full-disk")
    }

    static let copiedConfiguration = Hour(
        "copied-configuration", "a second owner with the first one's files is refused, and the first does not notice"
    ) { day in
        let (folder, before) = (day.cluster.folder, day.processes())
        let shared = try File.readAll(day.cluster.sharedDescription(0), limit: 1 << 16)
        let text = String(decoding: try File.readAll("\(folder)/owner-1.yaml", limit: 1 << 16), as: UTF8.self)
        let free = text.split(separator: "\n").filter { !$0.hasPrefix("listen") && !$0.hasPrefix("network") }.joined(separator: "\n") + "\n"
        let copies = [
            ("a copy under the same name", free),
            (
                "a copy with another name and pool",
                free.replacing("instance_key: owner-1", with: "instance_key: owner-9").replacing(
                    "\(day.cluster.poolFolder)/1", with: "\(day.cluster.poolFolder)/9")
            ),
        ]
        for (what, text) in copies {
            let path = "\(folder)/copied.yaml"
            try File.replace(path, with: Array(text.utf8))
            let second = RoleProcess(
                name: "copied", executable: "\(TestCluster.products)/fluxon-owner", arguments: ["--config", path], folder: folder)
            try second.launch()
            var ending: ChildProcess.Ending?
            await day.live(
                until: {
                    ending = second.ending()
                    return ending != nil
                }, within: .seconds(10), "\(what) gives up")
            if case .exited(let code)? = ending { day.expect(code != 0, "\(what) ended with 0") }
            second.kill()
            day.expect(
                (try? File.readAll(day.cluster.sharedDescription(0), limit: 1 << 16)) == shared,
                "\(what): the first one's shared.json is not what it was")
            day.expect(access(day.cluster.ownerSocket(0), F_OK) == 0, "\(what): the first one's socket is gone")
            day.expect(day.processes() == before && day.roles.allSatisfy { $0.ending() == nil }, "\(what): a role ended")
            try await Store.connect(to: day.cluster.sharedDescription(0)).close()
        }
    }
}

private func size(_ path: String) -> Int { (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? -1 }
