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
    private var path: String?
    private var waiting: [ObjectIdentifier: AttachReception] = [:]

    /// - Parameters:
    ///   - onAttach: a complete request; answer it.
    ///   - onPlain: a connection whose bytes nobody has read yet.
    package init(loop: EventLoop, onAttach: @escaping (AttachCall) -> Void, onPlain: @escaping (consuming Descriptor) -> Void) {
        self.loop = loop
        self.onAttach = onAttach
        self.onPlain = onPlain
    }

    /// Makes the socket at `path`, which belongs to this user and, for reading along, to its group.
    ///
    /// - Throws: a path that is too long, or what the kernel says.
    package func listen(path: String) throws(SystemError) {
        guard path.utf8.count <= Limits.socketPathBytes else {
            throw SystemError(
                "listen on \(path)", errno: 0,
                advice: "a socket path has at most \(Limits.socketPathBytes) bytes, this one \(path.utf8.count): choose a shorter folder")
        }
        let descriptor = try Socket.listen(on: .unix(path))
        try descriptor.setNonBlocking()
        registration = try loop.register(descriptor.number, .readable) { [weak self] _ in self?.acceptAll() }
        listener = consume descriptor
        self.path = path
    }

    /// Accepts no more, forgets callers in the middle of a handshake, and removes the socket file.
    package func close() {
        registration?.cancel()
        registration = nil
        listener = nil
        if let path { try? File.remove(path) }
        path = nil
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
