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

        /// Of the running process: the nearest cgroup v2 limit, or the v1 one; no limit when there is none to read.
        package static func current() -> ControlGroup {
            for (limit, used, details) in candidates() {
                guard let text = read(limit), let bytes = Int(text), bytes < 1 << 60 else { continue }
                let all = read(used).flatMap { Int($0) } ?? 0
                return ControlGroup(limitBytes: bytes, usedBytes: max(all - cachedFileBytes(read(details) ?? ""), 0))
            }
            return ControlGroup(limitBytes: nil, usedBytes: 0)
        }

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

        /// Files of a limit, its use and the use's parts, from the process's own group up to the root.
        private static func candidates() -> [(String, String, String)] {
            var files: [(String, String, String)] = []
            let line = read("/proc/self/cgroup")?.split(separator: "\n").first { $0.hasPrefix("0::") }
            var path = line.map { String($0.dropFirst(3)) } ?? "/"
            while true {
                let folder = "/sys/fs/cgroup" + (path == "/" ? "" : path)
                files.append(("\(folder)/memory.max", "\(folder)/memory.current", "\(folder)/memory.stat"))
                guard path != "/", let slash = path.lastIndex(of: "/") else { break }
                path = slash == path.startIndex ? "/" : String(path[..<slash])
            }
            let old = "/sys/fs/cgroup/memory/memory"
            return files + [("\(old).limit_in_bytes", "\(old).usage_in_bytes", "\(old).stat")]
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
        guard let limit = cgroup.limitBytes else { return nil }
        let free = max(limit - cgroup.usedBytes, 0)
        guard neededBytes > free else { return nil }
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
    package static func usable(_ free: Int) -> Int { (free / 104 * 100 >> 20) << 20 }
}
