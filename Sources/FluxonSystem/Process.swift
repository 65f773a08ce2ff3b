internal import CLinux
internal import Glibc

/// Who sits at the other end of a Unix socket, by the kernel's word at the time of its connect.
package struct PeerCredentials: Hashable, Sendable {
    package let processID: Int32
    package let userID: UInt32
    package let groupID: UInt32

    package init(of socket: CInt) throws(SystemError) {
        var raw = cfluxon_credentials()
        _ = try checked(cfluxon_peer_credentials(socket, &raw), "read the credentials of a socket's peer")
        processID = raw.process_id
        userID = raw.user_id
        groupID = raw.group_id
    }
}

/// A descriptor that names one process for good; readable exactly when that process is dead (CONSISTENCY P8).
package struct ProcessDescriptor: ~Copyable, Sendable {
    package let descriptor: Descriptor

    /// Takes over a descriptor passed by another process.
    package init(owning descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// The process of this number. The number may have been reused: the caller checks by other means that the process still lives.
    package init(processID: Int32) throws(SystemError) {
        descriptor = Descriptor(owning: try checked(cfluxon_process_open(processID), "open the process \(processID)"))
    }

    /// The process at the other end of a Unix socket: `SO_PEERPIDFD`, else (kernels before 6.5) by its number, with the socket
    /// seen open afterwards, so that the number cannot have passed on.
    package init(peerOf socket: CInt) throws(SystemError) {
        let peer = cfluxon_peer_process(socket)
        if peer >= 0 {
            descriptor = Descriptor(owning: peer)
            return
        }
        let credentials = try PeerCredentials(of: socket)
        guard credentials.processID > 0 else {
            throw SystemError(
                "identify the process of a socket's peer", errno: 0,
                advice:
                    "it is in a PID namespace that this process does not see, and this kernel (before 6.5) has no other name for it; run "
                    + "both in one PID namespace (hostPID, --pid=host)")
        }
        let opened = Descriptor(
            owning: try checked(cfluxon_process_open(credentials.processID), "open the process \(credentials.processID) of a socket's peer")
        )
        var byte: UInt8 = 0
        let state = withUnsafeMutableBytes(of: &byte) { Socket.peek(socket, into: $0) }
        guard state == .wouldBlock || state == .moved(1) else {
            throw SystemError("identify the process of a socket's peer", errno: ESRCH, advice: "it closed the connection meanwhile")
        }
        descriptor = opened
    }

    /// The process's number in this process's view of the system, nil once it is dead and reaped, and for one in a PID namespace that
    /// this process does not see.
    package var processID: Int32? {
        let result = cfluxon_process_id_of(descriptor.number)
        return result > 0 ? result : nil
    }

    /// Whether the process is dead (CONSISTENCY P8). It need not be visible from this process's PID namespace.
    ///
    /// - Throws: for a descriptor that names no process.
    package func hasEnded() throws(SystemError) -> Bool {
        try checked(cfluxon_process_has_ended(descriptor.number), "look at a process by its descriptor") == 1
    }

    /// Tells processes apart that have no number here: no other one of this boot has the same. Nil on kernels before 6.9.
    package var uniqueNumber: UInt64? {
        var number: UInt64 = 0
        return cfluxon_process_number(descriptor.number, &number) >= 0 && number > 0 ? number : nil
    }

    /// Sends a signal; an error says that the process is gone or belongs to another user.
    package func signal(_ signal: CInt) throws(SystemError) {
        _ = try checked(cfluxon_process_signal(descriptor.number, signal), "signal a process")
    }
}
