import FluxonCore
import FluxonSystem
import FluxonWorkload
import Foundation

/// What a day takes: memory, descriptors and threads of the roles, and what they write into their logs.
struct DayLedger {
    private var baseline: Footprint?
    private var logs: [String: (bytes: Int, at: BootInstant)] = [:]

    /// What one log may take in a minute, in an hour full of faults and short processes: a page of text a second.
    private static let logBytesPerMinute = 240 << 10
    /// And beside that whatever its time, for a start and its reasons.
    private static let logBytesAtOnce = 64 << 10

    /// - Parameter footprint: Of a cluster on which everybody has begun to work.
    mutating func begin(_ footprint: Footprint) { baseline = footprint }

    /// What is beyond the morning's; nothing when there was none.
    func excess(_ now: Footprint) -> [String] { baseline.map { now.excess(over: $0) } ?? [] }

    /// Reads the logs' sizes; gives those that grew too fast since the last time. A log that became shorter began anew.
    mutating func sample(_ roles: [RoleProcess], folder: String) -> [String] {
        let now = HistoryClock.now
        var violations: [String] = []
        for path in Self.paths(roles, folder) {
            guard let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int else { continue }
            if let last = logs[path] {
                let grown = size >= last.bytes ? size - last.bytes : size
                let minutes = now.since(last.at) / .seconds(60)
                if grown > Self.logBytesAtOnce + Int(minutes * Double(Self.logBytesPerMinute)) {
                    violations.append("\(path.dropFirst(folder.count + 1)) grew by \(grown >> 10) KiB in \(Int(minutes * 60)) s")
                }
            }
            logs[path] = (size, now)
        }
        return violations
    }

    private static func paths(_ roles: [RoleProcess], _ folder: String) -> [String] {
        let folders = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasPrefix("run-") }
        let own = folders.flatMap { run in
            ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(run)")) ?? []).filter { $0.hasSuffix(".log") }.map {
                "\(folder)/\(run)/\($0)"
            }
        }
        return roles.map(\.logPath) + own
    }
}
