import FluxonCore
import FluxonSystem
import Foundation
import Glibc

/// What a cluster takes: of each process by the kernel's word, of pools and table by `fluxon status`.
struct Footprint {
    /// By role and figure, e.g. `owner-1 descriptors`.
    private(set) var figures: [String: Int] = [:]
    private let owners: Int

    init(of cluster: TestCluster) throws {
        owners = cluster.owners.count
        if let space = try? File.space(at: cluster.poolFolder) {
            figures["KiB of pool files"] = Int(clamping: (space.total - min(space.free, space.total)) >> 10)
        }
        for role in cluster.masters + cluster.owners + cluster.externals {
            // Which of the masters leads does not matter.
            let place = cluster.masters.contains { $0 === role } ? "masters" : role.name
            guard let process = role.processID else { throw RoleFailure(what: "\(role.name) does not run", log: role.log) }
            for descriptor in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd") {
                let path = "/proc/\(process)/fd/\(descriptor)"
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { continue }
                // "socket:[1]", "anon_inode:[pidfd]", "/a/file".
                let kind = target.hasPrefix("anon") ? target : target.split(separator: ":").first.map(String.init) ?? ""
                figures["\(place) \(kind) descriptors", default: 0] += 1
            }
            let status = try String(decoding: File.readAll("/proc/\(process)/status", limit: 1 << 16), as: UTF8.self)
            for line in status.split(separator: "\n") {
                let words = line.split(whereSeparator: \.isWhitespace)
                guard words.count > 1, let number = Int(words[1]) else { continue }
                if words[0] == "Threads:" { figures["\(place) threads", default: 0] += number }
                if words[0] == "RssAnon:" { figures["\(place) KiB of its own", default: 0] += number }
            }
        }
        for (index, owner) in cluster.owners.enumerated() {
            for (section, values) in try Self.status(cluster.ownerSocket(index), in: cluster.folder) {
                let isMaster = values["members"] != nil
                for name in ["live_bytes", "keys", "retired", "processes", "tickets", "members"] {
                    guard let value = values[name] as? Int else { continue }
                    figures[isMaster ? "master \(name)" : "\(owner.name) (\(section)) \(name)"] = value
                }
            }
        }
    }

    static func status(_ socket: String, in folder: String) throws -> [String: [String: Any]] {
        let path = "\(folder)/status.json"
        unlink(path)
        let output = Descriptor(owning: open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        let environment = ["PATH": "/usr/bin:/bin"].merging(
            getenv("LD_LIBRARY_PATH").map { ["LD_LIBRARY_PATH": String(cString: $0)] } ?? [:]
        ) { $1 }
        let tool = try ChildProcess(
            executable: "\(TestCluster.products)/fluxon", arguments: ["status", "--json", "--attach", socket, "--timeout", "5s"],
            environment: environment, output: output)
        _ = try Kernel.waitReadable([tool.process.descriptor.number], timeout: .seconds(10))
        let text = try File.readAll(path, limit: 1 << 16)
        _ = try tool.reap()
        // Exit 1 also says that something is not well, which is another question.
        guard let answer = try? JSONSerialization.jsonObject(with: Data(text)) as? [String: [String: Any]], answer["health"] != nil else {
            throw RoleFailure(what: "fluxon status failed", log: String(decoding: text, as: UTF8.self))
        }
        return answer
    }

    /// Each figure, before and now.
    func comparison(with baseline: Footprint) -> [String: [Int]] {
        Dictionary(uniqueKeysWithValues: figures.map { ($0.key, [baseline.figures[$0.key] ?? 0, $0.value]) })
    }

    /// What the processes took more of while people went on working, beyond what comes and goes with them.
    func growth(since before: Footprint) -> [String] {
        let slack = ["own": 8 << 10, "descriptors": 24, "threads": 4]
        return figures.sorted { $0.key < $1.key }.compactMap { name, now in
            guard let kind = name.split(separator: " ").last, let slack = slack[String(kind)], let old = before.figures[name] else {
                return nil
            }
            return now > old + slack ? "\(name): \(now), was \(old)" : nil
        }
    }

    /// What is beyond `baseline` by more than work leaves behind.
    func excess(over baseline: Footprint) -> [String] {
        figures.sorted { $0.key < $1.key }.compactMap { name, now in
            let before = baseline.figures[name] ?? 0
            let slack =
                switch name.split(separator: " ").last {
                case "own": 64 << 10
                // Page tables of files grow by what was touched.
                case "files": 1 << 10
                // Up to eight idle connections for bulk data to each other owner, and as many from it, stay for a minute.
                case "descriptors": name.hasPrefix("owner") && name.contains("socket") ? 4 + 16 * (owners - 1) : 4
                // The runtime starts one when a task needs it.
                case "threads": 2
                default: 0
                }
            return now > before + slack ? "\(name): \(now), was \(before)" : nil
        }
    }
}
