import Foundation

/// Where this test process keeps its files and sockets: one folder with a short path, since sockets lie in it, which goes when the process
/// exits. In `TMPDIR`, else in /tmp.
package enum TestFolder {
    package static let path: String = {
        let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        let path = "\(parent)/fx-\(getpid())"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(atPath: TestFolder.path) }
        return path
    }()

    /// A path that nobody has used yet.
    package static func fresh(_ suffix: String = "") -> String { "\(path)/\(String(UInt32.random(in: 0 ... .max), radix: 36))\(suffix)" }

    /// A new folder.
    package static func make() throws -> String {
        let path = fresh()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
