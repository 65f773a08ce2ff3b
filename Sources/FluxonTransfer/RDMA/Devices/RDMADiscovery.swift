import FluxonSystem

/// Which of the machine's RDMA ports can be used, and why the others cannot.
struct RDMADiscovery {
    struct Usable {
        let context: OpaquePointer
        let port: VerbsPort
        let gid: GID
        let address: ResolvedAddress
    }

    struct Unusable {
        let port: VerbsPort
        /// A sentence with what to do.
        let reason: String
    }

    private(set) var usable: [Usable] = []
    private(set) var unusable: [Unusable] = []

    /// Looks at every port of `devices`. A device that cannot be asked is left out, and `failures` says so.
    private(set) var failures: [SystemError] = []

    init(_ devices: VerbsDevices) {
        for context in devices.contexts {
            do throws(SystemError) {
                for port in try VerbsDevices.ports(of: context) { sort(port, context) }
            } catch {
                failures.append(error)
            }
        }
    }

    private mutating func sort(_ port: VerbsPort, _ context: OpaquePointer) {
        switch Self.judge(port) {
        case .success((let gid, let address)):
            usable.append(Usable(context: context, port: port, gid: gid, address: address))
        case .failure(let why): unusable.append(Unusable(port: port, reason: why.reason))
        }
    }

    struct Why: Error { let reason: String }

    /// A port that is down now can be used: it may come up.
    static func judge(_ port: VerbsPort) -> Result<(GID, ResolvedAddress), Why> {
        guard !port.isIWARP else {
            return .failure(Why(reason: "iWARP reads into memory that peers may write, which Fluxon's never is; TCP is used"))
        }
        guard let gid = GIDRule.choose(among: port.gids), let text = gid.address,
            let address = try? ResolvedAddress.resolveWithoutNames(.tcp(host: text, port: 0))?.first
        else {
            return .failure(
                Why(reason: "it has no address that others can reach: give its network interface an IP address, and bring it up"))
        }
        return .success((gid, address))
    }
}
