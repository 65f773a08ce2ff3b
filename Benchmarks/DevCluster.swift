import Fluxon
import FluxonCore
import FluxonMeasure
import FluxonSystem
import Glibc

/// A cluster of this machine for the cases that need one: `fluxon dev`, from the folder that this executable lies in.
final class DevCluster {
    /// One process of it.
    struct Member {
        let role: String
        let instanceKey: String
        let processID: Int32
        let socket: String?
    }

    let members: [Member]
    private let child: ChildProcess

    private static let startLimit = Duration.seconds(60)
    private static let stopLimit = Duration.seconds(20)

    /// - Parameters:
    ///   - poolBytes: What each owner lends; nil leaves it to `fluxon dev`.
    ///   - workFolder: Where configurations and logs lie; kept. Nil: a temporary one.
    init(owners: Int, poolBytes: Int? = nil, workFolder: String? = nil) async throws {
        let folder = try Self.executableFolder()
        let missing = ["fluxon", "fluxon-master", "fluxon-owner", "fluxon-external"].filter { access("\(folder)/\($0)", X_OK) != 0 }
        guard missing.isEmpty else {
            throw BenchmarkFailure(
                "\(missing.joined(separator: ", ")) not found in \(folder); FLUXON_BENCHMARKS=1 swift build -c release makes all")
        }
        // In memory: nothing to clean up, and the kernel ends the child with this process.
        let output = try File.inMemory(name: "fluxon-dev-output")
        let options = (poolBytes.map { ["--pool", "\($0)"] } ?? []) + (workFolder.map { ["--workdir", $0] } ?? [])
        let child = try ChildProcess(
            executable: "\(folder)/fluxon", arguments: ["dev", "--json", "--owners", "\(owners)"] + options, environment: [:],
            output: output)
        let deadline = BootClock.now.advanced(by: Self.startLimit)
        var members: [Member] = []
        while members.count < 1 + 2 * owners {
            let hasEnded = try Kernel.waitReadable([child.process.descriptor.number], timeout: .milliseconds(50))[0]
            let text = String(decoding: try File.readAll("/proc/self/fd/\(output.number)", limit: 1 << 20), as: UTF8.self)
            members = text.split(separator: "\n").compactMap(Self.member)
            guard !hasEnded, BootClock.now < deadline else {
                throw BenchmarkFailure("no cluster of `fluxon dev` within \(Self.startLimit.components.seconds) s; it said:\n\(text)")
            }
        }
        self.members = members
        self.child = child
    }

    deinit { stop() }

    /// Ends all processes; the second time nothing.
    func stop() {
        try? child.process.signal(SIGTERM)
        let hasEnded = try? Kernel.waitReadable([child.process.descriptor.number], timeout: Self.stopLimit)[0]
        if hasEnded != true { try? child.process.signal(SIGKILL) }
        _ = try? child.reap()
    }

    /// A store at the first external, as an application has it, and one at the second.
    func connect() async throws -> MeasuredCase.Stores {
        let sockets = members.filter { $0.role == "external" }.compactMap(\.socket)
        guard let first = sockets.first else { throw BenchmarkFailure("`fluxon dev` told of no external") }
        let store = try await Store.connect(to: first)
        return MeasuredCase.Stores(store: store, peer: sockets.count > 1 ? try await Store.connect(to: sockets[1]) : nil)
    }

    func first(_ role: String) throws -> Member {
        guard let member = members.first(where: { $0.role == role }) else { throw BenchmarkFailure("`fluxon dev` told of no \(role)") }
        return member
    }

    private static func member(_ line: Substring) -> Member? {
        guard let json = try? JSONValue(parsing: Array(line.utf8)), let role = json["role"]?.text, let name = json["instance_key"]?.text,
            let processID = json["pid"]?.unsignedInteger
        else { return nil }
        return Member(role: role, instanceKey: name, processID: Int32(clamping: processID), socket: json["socket"]?.text)
    }

    static func executableFolder() throws -> String {
        guard let path = realpath("/proc/self/exe", nil) else { throw SystemError("find this executable's folder", errno: errno) }
        defer { free(path) }
        return "/" + String(cString: path).split(separator: "/").dropLast().joined(separator: "/")
    }
}
