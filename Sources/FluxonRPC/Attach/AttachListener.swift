import FluxonCore
package import FluxonSystem
private import Glibc

/// Listens on a Unix socket and tells the two kinds of callers apart: processes that attach (their first bytes are `FXA1`) and
/// everybody else, who speaks HTTP/2. On its loop only.
package final class AttachListener {
    private let loop: EventLoop
    private let onAttach: (AttachCall) -> Void
    private let onPlain: (consuming Descriptor) -> Void
    private var listener: Descriptor?
    private var registration: Registration?
    private var name: SocketName?
    private var waiting: [ObjectIdentifier: AttachReception] = [:]

    /// - Parameters:
    ///   - onAttach: a complete request; answer it.
    ///   - onPlain: a connection whose bytes nobody has read yet.
    package init(loop: EventLoop, onAttach: @escaping (AttachCall) -> Void, onPlain: @escaping (consuming Descriptor) -> Void) {
        self.loop = loop
        self.onAttach = onAttach
        self.onPlain = onPlain
    }

    /// Claims the name `path` and makes the socket there, for this user and its group.
    ///
    /// - Throws: a path that is too long, a name that another process has, or what the kernel says.
    package func listen(path: String) throws(SystemError) { try listen(SocketName(claiming: path)) }

    /// Makes the socket under a name that is this process's already.
    package func listen(_ claimed: consuming SocketName) throws(SystemError) {
        var name = claimed
        let byteCount = name.path.utf8.count
        guard byteCount <= Limits.socketPathBytes else {
            throw SystemError(
                "listen on \(name.path)", errno: 0,
                advice: "a socket path has at most \(Limits.socketPathBytes) bytes, this one \(byteCount): choose a shorter folder")
        }
        let descriptor = try name.listen()
        try descriptor.setNonBlocking()
        registration = try loop.register(descriptor.number, .readable) { [weak self] _ in self?.acceptAll() }
        listener = consume descriptor
        self.name = consume name
    }

    /// Accepts no more, forgets callers in the middle of a handshake, and removes the socket file if it is this listener's.
    package func close() {
        registration?.cancel()
        registration = nil
        listener = nil
        name = nil
        for reception in waiting.values { reception.cancel() }
        waiting = [:]
    }

    /// Out of descriptors: the callers wait in the backlog. A listener that cannot be served would be reported without end.
    private func pause() {
        try? registration?.modify([])
        _ = loop.schedule(after: .milliseconds(100)) { [weak self] in try? self?.registration?.modify(.readable) }
    }

    private func acceptAll() {
        while let number = listener?.number {
            let accepted: Descriptor?
            do { accepted = try Socket.accept(on: number) } catch { return pause() }
            guard let accepted else { return }
            let reception = AttachReception(loop: loop, socket: accepted, onAttach: onAttach, onPlain: onPlain)
            let identifier = ObjectIdentifier(reception)
            waiting[identifier] = reception
            reception.start { [weak self] in self?.waiting[identifier] = nil }
        }
    }
}
