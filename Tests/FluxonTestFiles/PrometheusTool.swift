import FluxonSystem

/// Prometheus' `promtool`, which knows what a scrape may say.
package enum PrometheusTool {
    private static let path = "/usr/bin/promtool"

    /// What `promtool check metrics` says about the text; empty when it is content.
    ///
    /// - Parameter folder: For the text and the answer.
    package static func complaints(about text: String, in folder: String) throws -> String {
        let name = "\(folder)/metrics-\(UInt32.random(in: 0 ... .max))"
        try File.replace(name, with: Array(text.utf8))
        let child = try ChildProcess(
            executable: "/bin/sh", arguments: ["-c", "exec \(path) check metrics < \(name)"], environment: [:],
            output: try File.open(name + ".answer", .createNew))
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(30))
        let ending = try child.reap()
        let answer = String(decoding: try File.readAll(name + ".answer", limit: 1 << 20), as: UTF8.self)
        guard ending != .exited(code: 0) else { return answer }
        return "promtool (scripts/install-packages test) ended with \(ending.map { "\($0)" } ?? "nothing"): \(answer)"
    }
}
