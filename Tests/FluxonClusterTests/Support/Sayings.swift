import Fluxon
import FluxonCore
import FluxonSystem

/// What everybody says of a cluster at one moment, asked at one socket.
struct Sayings {
    let status: CommandLineTool.Result
    let members: CommandLineTool.Result
    let metrics: CommandLineTool.Result

    init(at socket: String, of cluster: TestCluster) throws {
        func ask(_ arguments: String...) throws -> CommandLineTool.Result {
            try CommandLineTool.run(arguments, attachedTo: socket, in: cluster.folder)
        }
        status = try ask("status", "--json", "--timeout", "10s")
        members = try ask("members", "--timeout", "10s")
        metrics = try ask("metrics", "--timeout", "10s")
    }

    /// A figure of `status` as text, of the section whose title begins so.
    func figure(_ section: String, _ name: String) -> String? {
        guard let object = try? status.object, case .object(let sections) = object else { return nil }
        switch sections.first(where: { $0.name.hasPrefix(section) })?.value[name] {
        case .string(let text): return text
        case .bool(let flag): return "\(flag)"
        case .unsigned(let number): return "\(number)"
        case .integer(let number): return "\(number)"
        default: return nil
        }
    }

    /// A metric's value, of whatever instance begins so.
    func metric(_ name: String, _ instance: String) -> String? {
        metrics.output.split(separator: "\n").first { $0.hasPrefix("\(name){instance=\"\(instance)") }?.split(separator: " ").last.map(
            String.init)
    }
}

extension CommandLineTool.Result {
    /// The object on standard output, with what went to standard error around it.
    var object: JSONValue {
        get throws {
            try JSONValue(parsing: Array(output.split(separator: "\n").first { $0.hasPrefix("{") }.map(String.init)?.utf8 ?? "".utf8))
        }
    }
}

extension TestCluster {
    func connect(named name: String, at socket: String) async throws -> Store {
        var options = Store.Options()
        options.name = name
        return try await Store.connect(to: socket, options: options)
    }

    /// `fluxon kv get KEY --json` with little patience.
    func get(_ key: String, at socket: String, timeout: String = "1s") throws -> CommandLineTool.Result {
        try CommandLineTool.run(["kv", "get", key, "--json", "--timeout", timeout], attachedTo: socket, in: folder)
    }

    func put(_ key: String, at socket: String) throws {
        let file = "\(folder)/value"
        try File.replace(file, with: Array("value of \(key)".utf8))
        let put = try CommandLineTool.run(["kv", "put", key, "--file", file], attachedTo: socket, in: folder)
        guard put.ending == .exited(code: 0) else { throw RoleFailure(what: "kv put \(key): \(put.output)", log: "") }
    }
}

extension RoleProcess {
    /// Waits until the log says `words` once more than `before` times; false: not in half a minute.
    func says(_ words: String, moreThan before: Int = 0) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if count(of: words) > before { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    func count(of words: String) -> Int { log.split(separator: "\n").count { $0.contains(words) } }
}
