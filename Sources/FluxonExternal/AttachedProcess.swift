import FluxonSystem

/// A process that this sidecar attached, until its death.
final class AttachedProcess {
    let processID: Int32
    private let process: ProcessDescriptor
    private var registration: Registration?

    init(peer: PeerCredentials, process: consuming ProcessDescriptor) {
        processID = peer.processID
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
