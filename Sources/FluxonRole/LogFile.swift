package import FluxonSystem
internal import Glibc
package import Logging

/// A log on a file: one line an event, appended whole, so that an operator may rename the file's copy and truncate it.
package struct LogFile: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .info
    private let label: String
    private let descriptor: Shared

    private final class Shared: Sendable {
        let file: Descriptor
        init(_ file: consuming Descriptor) { self.file = file }
    }

    /// - Throws: what the kernel says about the file or its folder.
    package init(label: String, path: String) throws(SystemError) {
        self.label = label
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try File.makeDirectories(String(path[..<slash])) }
        descriptor = Shared(try File.open(path, .append))
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let line = Array(([Self.now, "\(event.level)", "\(label):"] + fields + ["\(event.message)"]).joined(separator: " ").utf8) + [10]
        // A full disk costs log lines, not the service.
        _ = line.withUnsafeBytes { write(descriptor.file.number, $0.baseAddress, $0.count) }
    }

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
