import FluxonSystem
import Glibc

/// Packets that get lost in the kernel, so that TCP itself has to repeat them: by nftables, in a network namespace of the tests' own, which
/// `scripts/chaos` makes where this user may. (`tc netem` would delay and reorder too; the proxies do that where a kernel lacks it.)
struct PacketLoss {
    private static let tool = "/usr/sbin/nft"

    /// Rules in the machine's own network would be everybody's.
    let isPossible =
        getenv("FLUXON_CHAOS_NETWORK").map { String(cString: $0) } == "own" && access(tool, X_OK) == 0

    /// Loses this share of what goes to the port and comes from it.
    func lose(percent: Int, host: String, port: UInt16) {
        let table = "inet loss_\(port)"
        let drop = "numgen random mod 100 < \(percent) drop"
        run(
            "add table \(table); add chain \(table) input { type filter hook input priority 0; }; "
                + "add rule \(table) input ip daddr \(host) tcp dport \(port) \(drop); "
                + "add rule \(table) input ip saddr \(host) tcp sport \(port) \(drop)")
    }

    func loseNothing(port: UInt16) { run("delete table inet loss_\(port)") }

    private func run(_ script: String) {
        let output = Descriptor(owning: open("/dev/null", O_WRONLY | O_CLOEXEC))
        guard let child = try? ChildProcess(executable: Self.tool, arguments: [script], environment: [:], output: output) else { return }
        _ = try? Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(5))
        _ = try? child.reap()
    }
}
