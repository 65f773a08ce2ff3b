import FluxonCore
import FluxonRole
import FluxonSystem
import FluxonTestFiles
import Foundation
import Logging
import Testing

/// What a role's log file grows to.
@Suite(.timeLimit(.minutes(1))) struct LogFileTests {
    /// In place of `Limits.logFileBytes`.
    private static let limit = 64 << 10

    @Test("a log that has grown to its limit is put aside, three such are kept, and no line from the oldest kept on is missing")
    func putsAside() throws {
        let path = TestFolder.fresh(".log")
        let file = try LogFile(label: "test", path: path, limitBytes: Self.limit)
        let logger = Logger(label: "test") { _ in file }
        // Five files' worth.
        let filler = String(repeating: "x", count: 1 << 10)
        let count = 5 * Self.limit / filler.utf8.count
        for number in 0..<count { logger.info("\(filler) number \(number)") }

        #expect(Limits.logFilesKept == 3 && Limits.logFileBytes == 16 << 20)
        #expect(!FileManager.default.fileExists(atPath: "\(path).\(Limits.logFilesKept + 1)"))
        let names = (1...Limits.logFilesKept).reversed().map { "\(path).\($0)" } + [path]
        let texts = try names.map { String(decoding: try File.readAll($0, limit: Self.limit), as: UTF8.self) }
        for aside in texts.dropLast() { #expect(aside.utf8.count > Self.limit - (2 << 10)) }
        let lines = texts.joined().split(separator: "\n")
        #expect(lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } } == Array(count - lines.count..<count))
    }
}
