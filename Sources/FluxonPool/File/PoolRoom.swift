import FluxonSystem

/// Whether a pool fits the machine, said before anything is reserved.
package enum PoolRoom {
    /// The memory limit of this process's container.
    package struct ControlGroup: Hashable, Sendable {
        /// Bytes, nil for no limit.
        package let limitBytes: Int?
        package let usedBytes: Int

        package init(limitBytes: Int?, usedBytes: Int) {
            self.limitBytes = limitBytes
            self.usedBytes = usedBytes
        }

        /// Of the running process: the limit with the least room, of its own group and of every one above it, in cgroup v2 and v1; no limit
        /// when there is none to read.
        ///
        /// - Parameters: Where the process's groups and their folders are read; others than the kernel's in tests.
        package static func current(groups: String = "/proc/self/cgroup", root: String = "/sys/fs/cgroup") -> ControlGroup {
            var tightest = ControlGroup(limitBytes: nil, usedBytes: 0)
            for (limit, used, details) in candidates(groups: groups, root: root) {
                guard let text = read(limit), let bytes = Int(text), bytes < 1 << 60 else { continue }
                let all = read(used).flatMap { Int($0) } ?? 0
                let group = ControlGroup(limitBytes: bytes, usedBytes: max(all - cachedFileBytes(read(details) ?? ""), 0))
                if let least = tightest.freeBytes, least <= group.freeBytes ?? .max { continue }
                tightest = group
            }
            return tightest
        }

        /// Nil: as many as the machine has.
        package var freeBytes: Int? { limitBytes.map { max($0 - usedBytes, 0) } }

        /// What `memory.stat` counts as cached files, which the kernel gives up for a pool. (A pool's own pages are not among them.)
        package static func cachedFileBytes(_ statistics: String) -> Int {
            var lines: [Substring: Int] = [:]
            for line in statistics.split(separator: "\n") {
                let words = line.split(separator: " ")
                if words.count == 2 { lines[words[0]] = Int(words[1]) }
            }
            func value(_ name: String) -> Int { lines["total_\(name)"[...]] ?? lines[name[...]] ?? 0 }
            return value("active_file") + value("inactive_file")
        }

        /// Files of a limit, its use and the use's parts, from the process's own groups up to the roots. A container sees its own group
        /// as the root, whatever the path says.
        private static func candidates(groups: String, root: String) -> [(String, String, String)] {
            var files: [(String, String, String)] = []
            for line in (read(groups) ?? "").split(separator: "\n") {
                let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                guard fields.count == 3 else { continue }
                let isUnified = fields[1].isEmpty
                guard isUnified || fields[1].split(separator: ",").contains("memory") else { continue }
                var folders = fields[2].split(separator: "/")
                while true {
                    let folder = ([root] + (isUnified ? [] : ["memory"]) + folders.map(String.init)).joined(separator: "/") + "/memory."
                    files.append(
                        isUnified
                            ? (folder + "max", folder + "current", folder + "stat")
                            : (folder + "limit_in_bytes", folder + "usage_in_bytes", folder + "stat"))
                    if folders.popLast() == nil { break }
                }
            }
            return files
        }

        private static func read(_ path: String) -> String? {
            guard let bytes = try? File.readAll(path, limit: 65536) else { return nil }
            var text = String(decoding: bytes, as: UTF8.self)
            while text.last?.isWhitespace == true { text.removeLast() }
            return text
        }
    }

    /// What stands in the way of a pool of `neededBytes` in `folder`, with the numbers and what to do; nil when it fits.
    package static func problem(
        folder: String, neededBytes: Int, space: (free: UInt64, total: UInt64), cgroup: ControlGroup
    ) -> String? {
        guard neededBytes <= Int(clamping: space.free) else {
            return message(folder: folder, neededBytes: neededBytes, freeBytes: Int(clamping: space.free))
        }
        guard let limit = cgroup.limitBytes, let free = cgroup.freeBytes, neededBytes > free else { return nil }
        return "a pool of \(neededBytes) bytes does not fit this container: its memory limit is \(limit) bytes, of which \(free) are free; "
            + "lower contribute_to_cluster_pool_size to at most \(usable(free)), or raise the container's memory limit"
    }

    package static func message(folder: String, neededBytes: Int, freeBytes: Int) -> String {
        let holders = File.processesMapping("\(folder)/\(PoolFile.name) (deleted)")
        let earlier =
            holders.isEmpty
            ? "" : "; processes that still hold the pool of an earlier owner: \(holders.map(String.init).joined(separator: ", "))"
        return
            "a pool of \(neededBytes) bytes does not fit \(folder): \(freeBytes) bytes are free there; lower contribute_to_cluster_pool_size to "
            + "at most \(usable(freeBytes)), enlarge the file system (mount -o remount,size=… /dev/shm, docker --shm-size)\(earlier)"
    }

    /// The capacity whose pool, index and entries included, fits `free` bytes, in whole MiB.
    package static func usable(_ free: Int) -> Int { ((free / 104 * 100) >> 20) << 20 }
}
