internal import FluxonCore
package import FluxonSystem
internal import Glibc
package import Logging
internal import Synchronization

/// A log on a file: one line an event, appended whole. It is bounded: a file that has grown to its limit is put aside as `….1`, and so
/// on up to the last one that is kept. Whoever renames the file by other means tells so by `reopen` (SIGHUP).
package struct LogFile: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .info
    private let label: String
    private let file: RotatedFile

    /// - Throws: what the kernel says about the file or its folder.
    package init(label: String, path: String, limitBytes: Int = Limits.logFileBytes) throws(SystemError) {
        self.label = label
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try File.makeDirectories(String(path[..<slash])) }
        file = try RotatedFile(path: path, limitBytes: limitBytes)
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let words = [Self.now, "\(event.level)", "\(label):"] + fields + ["\(event.message)"]
        file.append(Array(words.joined(separator: " ").utf8) + [UInt8(ascii: "\n")])
    }

    /// Goes on in the file that has the name now, or in a new one.
    package func reopen() { file.reopen() }

    /// Wall time for people, in UTC; nothing decides by it.
    private static var now: String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}

/// One open file of bounded size and its predecessors. A full disk, or a folder that lets nothing be renamed, costs log lines, not the
/// service.
private final class RotatedFile: Sendable {
    private let path: String
    private let limitBytes: Int
    private let open: Mutex<(file: SharedDescriptor, size: Int)>

    private final class SharedDescriptor: Sendable {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    init(path: String, limitBytes: Int) throws(SystemError) {
        self.path = path
        self.limitBytes = limitBytes
        open = Mutex(try Self.open(path))
    }

    private static func open(_ path: String) throws(SystemError) -> (file: SharedDescriptor, size: Int) {
        let file = SharedDescriptor(try File.open(path, .append))
        return (file, max(Int(lseek(file.descriptor.number, 0, SEEK_END)), 0))
    }

    func append(_ line: [UInt8]) {
        open.withLock { open in
            if open.size + line.count > limitBytes, open.size > 0, let next = rotated() { open = next }
            let written = line.withUnsafeBytes { write(open.file.descriptor.number, $0.baseAddress, $0.count) }
            open.size += max(written, 0)
        }
    }

    func reopen() {
        open.withLock { open in if let next = try? Self.open(path) { open = next } }
    }

    private func rotated() -> (file: SharedDescriptor, size: Int)? {
        for number in (1..<Limits.logFilesKept).reversed() { try? File.rename("\(path).\(number)", to: "\(path).\(number + 1)") }
        try? File.rename(path, to: "\(path).1")
        return try? Self.open(path)
    }
}
