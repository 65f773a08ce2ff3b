import FluxonFuzzing
import FluxonRPC
import FluxonSystem
import Glibc
import Testing

@Suite struct FuzzCorpusTests {
    /// Every seed and every input that once broke something, of every target.
    private static let inputs: [(target: String, path: String)] = {
        var root = #filePath.split(separator: "/")
        root.removeLast(3)
        let corpora = "/" + root.joined(separator: "/") + "/Fuzzing/Corpus"
        return FuzzTargets.all.keys.sorted().flatMap { target in
            names(in: "\(corpora)/\(target)").map { (target, "\(corpora)/\(target)/\($0)") }
        }
    }()

    private static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    @Test("every target has a corpus")
    func corpora() { for target in FuzzTargets.all.keys { #expect(Self.inputs.contains { $0.target == target }, "\(target)") } }

    @Test("no input of the corpora traps", arguments: inputs.map { "\($0.target) \($0.path)" })
    func replay(input: String) throws {
        let parts = input.split(separator: " ", maxSplits: 1).map(String.init)
        let bytes = try File.readAll(parts[1], limit: 1 << 20)
        bytes.withUnsafeBytes { FuzzTargets.all[parts[0]]?($0) }
    }

    @Test("damaged conversations of the seeds end as they should")
    func meaning() throws {
        func statuses(_ name: String) throws -> [RPCStatus] {
            guard let path = Self.inputs.first(where: { $0.path.hasSuffix("/rpc-session/\(name)") })?.path else { return [] }
            let bytes = try File.readAll(path, limit: 1 << 20)
            let isServer = bytes[0] & 1 != 0
            let probe = RPCSessionProbe(isServer: isServer)
            let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
            _ = probe.receive((isServer ? Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) : []) + settings + bytes.dropFirst())
            defer { probe.end() }
            return probe.statuses
        }
        #expect(try statuses("unary").map(\.code) == [.ok])
        #expect(try statuses("reset").map(\.code) == [.cancelled])
        #expect(try statuses("too-long").map(\.code) == [.resourceExhausted])
        #expect(try statuses("compressed").map(\.code) == [.internalError])
        #expect(try statuses("cut-message").map(\.code) == [.internalError])
        #expect(try statuses("client-ok").first?.code == .ok)
        #expect(try statuses("client-trailers-only").first?.message == "a b%zz%")
        #expect(try statuses("client-no-status").first?.code == .unknown)
        #expect(try statuses("client-http-error").first?.code == .unavailable)
        #expect(try statuses("client-refused").first?.isUnprocessed == true)
    }
}
