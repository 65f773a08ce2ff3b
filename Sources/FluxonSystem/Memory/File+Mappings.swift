private import Glibc

extension File {
    /// Processes with a mapping whose line in /proc ends in `name`, as far as this user may look. For messages.
    package static func processesMapping(_ name: String) -> [Int32] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var processes: [Int32] = []
        while let entry = readdir(folder) {
            let text = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let process = Int32(text), let maps = try? readAll("/proc/\(process)/maps", limit: 4 << 20) else { continue }
            if String(decoding: maps, as: UTF8.self).contains(name) { processes.append(process) }
        }
        return processes.sorted()
    }
}
