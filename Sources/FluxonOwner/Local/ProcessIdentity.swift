import FluxonCore
import FluxonRPC
import FluxonSystem

/// Which process a session belongs to, by the kernel's word.
struct ProcessIdentity: ~Copyable {
    /// Readable when the process is dead.
    let descriptor: ProcessDescriptor
    /// 0: in a PID namespace that this owner does not see.
    let processID: Int32
    let userID: UInt32
    /// May map pages of the pool for writing: trusted with the pool's bytes (DESIGN §5).
    let mayWrite: Bool

    /// - Throws: `.permissionDenied` for a stranger who asks for another process, a system error when the process is gone.
    static func of(_ call: AttachCall, ownUserID: UInt32) throws -> ProcessIdentity {
        let peer = try call.peer()
        let mayWrite = peer.userID == ownUserID || peer.userID == 0
        guard call.request.wishes.contains(.onBehalf) else {
            return ProcessIdentity(
                descriptor: try call.peerProcess(), processID: peer.processID, userID: peer.userID, mayWrite: mayWrite)
        }
        // A sidecar speaks for its process. Its own rights count: it could have attached itself.
        guard mayWrite else {
            let text = "user \(peer.userID) may not attach other processes: run the sidecar as the owner's user \(ownUserID) or as root"
            throw FluxonError(.permissionDenied, text)
        }
        guard let passed = call.takeDescriptor() else {
            throw FluxonError(.protocolViolation, "a sidecar's attach request must carry its process's pidfd")
        }
        let descriptor = ProcessDescriptor(owning: passed)
        let hasEnded: Bool
        do throws(SystemError) { hasEnded = try descriptor.hasEnded() } catch {
            throw FluxonError(.protocolViolation, "what the sidecar passed names no process", cause: error)
        }
        guard !hasEnded else { throw FluxonError(.connectionFailed, "the process that the sidecar speaks for has ended") }
        let number = descriptor.processID ?? 0
        return ProcessIdentity(descriptor: descriptor, processID: number, userID: peer.userID, mayWrite: mayWrite)
    }

    /// Whether `other`, which lives, is the process of this identity, which lives too: two such have the same number here only if they
    /// are one, or if neither has any.
    func isSame(as other: borrowing ProcessIdentity) -> Bool {
        guard userID == other.userID else { return false }
        if let number = descriptor.uniqueNumber, let others = other.descriptor.uniqueNumber { return number == others }
        return processID > 0 && processID == other.processID
    }
}
