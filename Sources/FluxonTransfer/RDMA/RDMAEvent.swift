/// What happened to an owner's RDMA, for its log.
package enum RDMAEvent: Sendable {
    /// A device is not used: why, and what to do.
    case unusable(String)
    case linkDown(device: String)
    case linkUp(device: String)
    /// `rdma mlx5_0 10.0.0.2:7001`.
    case connected(path: String)
    /// Told once until it is connected again.
    case lost(TransferError)

    /// Whether a person may want to do something about it. Nothing is lost meanwhile: TCP is used.
    package var isProblem: Bool {
        switch self {
        case .unusable, .linkDown, .lost: true
        case .linkUp, .connected: false
        }
    }
}

extension RDMAEvent: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unusable(let why): why
        case .linkDown(let device): "the link of \(device) is down; look at the cable, the switch and `rdma link`"
        case .linkUp(let device): "the link of \(device) is up"
        case .connected(let path): "connected: \(path)"
        case .lost(let error): "\(error)"
        }
    }
}
