import FluxonCore
import FluxonSystem

/// `fluxon`, run to its end.
enum CommandLineTool {
    struct Result {
        let ending: ChildProcess.Ending?
        let output: String

        var json: JSONValue { get throws { try JSONValue(parsing: Array(output.utf8)) } }
    }

    /// At most a minute. Standard output and error come together, in `folder`.
    static func run(_ arguments: [String], attachedTo socket: String, in folder: String) throws -> Result {
        try run("fluxon", arguments + ["--attach", socket], in: folder)
    }

    /// Any of the project's programs.
    static func run(_ product: String, _ arguments: [String], in folder: String) throws -> Result {
        let path = "\(folder)/output-\(UInt32.random(in: 0 ... .max))"
        let child = try ChildProcess(
            executable: "\(TestCluster.products)/\(product)", arguments: arguments,
            environment: ["PATH": "/usr/bin:/bin"], output: try File.open(path, .createNew))
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(60))
        let ending = try child.reap()
        return Result(ending: ending, output: String(decoding: try File.readAll(path, limit: 1 << 20), as: UTF8.self))
    }
}
