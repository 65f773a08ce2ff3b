import FluxonSystem
import Glibc

/// The checked-out repository, and running a program of it to its end.
enum Repository {
    static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    struct Result {
        var ending: ChildProcess.Ending?
        var output: String
        var processID: Int32
    }

    /// Runs `executable` to its end, at most 60 s.
    static func run(_ executable: String, _ arguments: [String], environment: [String: String] = [:], in folder: String) throws -> Result {
        let path = "\(folder)/output-\(UInt32.random(in: 0 ... .max))"
        let output = try File.open(path, .createNew)
        var variables = ["PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"]
        variables.merge(environment) { $1 }
        let child = try ChildProcess(executable: executable, arguments: arguments, environment: variables, output: output)
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(60))
        let text = String(decoding: try File.readAll(path, limit: 1 << 20), as: UTF8.self)
        return Result(ending: try child.reap(), output: text, processID: child.processID)
    }
}
