import FluxonSystem

/// A process that this sidecar attached, until its death.
final class AttachedProcess {
    /// 0: in a PID namespace that this sidecar does not see.
    let processID: Int32
    /// Tells processes apart, those without a number here too; where the kernel cannot, all of those are one.
    let key: UInt64
    private let process: ProcessDescriptor
    private var registration: Registration?

    init(peer: PeerCredentials, process: consuming ProcessDescriptor) {
        processID = peer.processID
        key = process.uniqueNumber ?? UInt64(max(peer.processID, 0))
        self.process = process
    }

    /// Its pidfd, borrowed.
    var descriptor: CInt { process.descriptor.number }

    /// Calls `onDeath` once, unless `forget` comes first.
    func watch(on loop: EventLoop, onDeath: @escaping () -> Void) throws(SystemError) {
        registration = try loop.register(descriptor, .readable) { [weak self] _ in
            self?.forget()
            onDeath()
        }
    }

    func forget() {
        registration?.cancel()
        registration = nil
    }
}
