import FluxonSystem
import Glibc

/// Machines of a test as network namespaces: each has an address of its own, and a cable to those that it shall reach directly. Nothing of it
/// is in the network of the machine that runs the tests.
final class NetworkNamespaces {
    /// Namespaces need root, and the tool.
    static let isPossible = geteuid() == 0 && access(tool, X_OK) == 0 && access(entry, X_OK) == 0
    static let requirement = "needs root, iproute2 and util-linux: the machines are network namespaces"

    private static let tool = "/usr/sbin/ip"
    private static let entry = "/usr/bin/nsenter"

    private let prefix = "fxr\(UInt32.random(in: 0 ... .max))"
    private var names: [String] = []

    deinit {
        for name in names { try? run(["netns", "delete", space(name)]) }
    }

    private func space(_ name: String) -> String { "\(prefix)-\(name)" }

    /// A machine and its address.
    func add(_ name: String) throws -> String {
        names.append(name)
        try run(["netns", "add", space(name)])
        try inside(name, ["link", "set", "lo", "up"])
        try inside(name, ["address", "add", "\(address(of: name))/32", "dev", "lo"])
        return address(of: name)
    }

    func address(of name: String) -> String { "10.77.0.\((names.firstIndex(of: name) ?? 0) + 1)" }

    /// A cable, and the routes of both ends over it.
    func connect(_ one: String, _ other: String) throws {
        try run([
            "link", "add", "to-\(other)", "netns", space(one), "type", "veth", "peer", "name", "to-\(one)", "netns", space(other),
        ])
        for (near, far) in [(one, other), (other, one)] {
            try inside(near, ["link", "set", "to-\(far)", "up"])
            try inside(near, ["route", "add", address(of: far), "dev", "to-\(far)", "src", address(of: near)])
        }
    }

    /// Whoever wants to go from `near` to `far` is told that there is no way.
    func refuse(from near: String, to far: String) throws {
        try inside(near, ["route", "replace", "unreachable", address(of: far)])
    }

    func allow(from near: String, to far: String) throws {
        try inside(near, ["route", "replace", address(of: far), "dev", "to-\(far)", "src", address(of: near)])
    }

    /// What goes from `near` to `far` gets lost without a word: it is sent to a station that is not there.
    func swallow(from near: String, to far: String) throws {
        try inside(near, ["neighbour", "replace", address(of: far), "lladdr", "02:00:00:00:00:99", "dev", "to-\(far)", "nud", "permanent"])
    }

    func deliver(from near: String, to far: String) throws {
        try inside(near, ["neighbour", "delete", address(of: far), "dev", "to-\(far)"])
    }

    /// How a process is started on that machine.
    func command(_ executable: String, _ arguments: [String], on name: String) -> (executable: String, arguments: [String]) {
        (Self.entry, ["--net=/run/netns/\(space(name))", executable] + arguments)
    }

    private func inside(_ name: String, _ words: [String]) throws { try run(["-n", space(name)] + words) }

    private func run(_ words: [String]) throws {
        let output = Descriptor(owning: open("/dev/null", O_WRONLY | O_CLOEXEC))
        let child = try ChildProcess(executable: Self.tool, arguments: words, environment: [:], output: output)
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(10))
        guard try child.reap() == .exited(code: 0) else {
            throw RoleFailure(what: "ip \(words.joined(separator: " ")) failed", log: "")
        }
    }
}
