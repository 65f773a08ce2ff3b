internal import CLinux
internal import FluxonCore
internal import Glibc

/// Calls on stream sockets. All sockets made here are non-blocking and close-on-exec.
package enum Socket {
    /// How a transfer of bytes went.
    package enum Transfer: Hashable, Sendable {
        case moved(Int)
        case wouldBlock
        /// The peer closed its sending side (reads only).
        case ended
        case failed(errno: CInt)
    }

    /// Starts to connect. With `inProgress` the socket becomes writable when `pendingError` is worth asking.
    package static func connect(to address: ResolvedAddress) throws(SystemError) -> (descriptor: CInt, inProgress: Bool) {
        var raw = address.raw
        var inProgress: CInt = 0
        let result = cfluxon_connect(&raw, &inProgress)
        guard result >= 0 else { throw connectError(address.address, errno: CInt(-result)) }
        _ = cfluxon_set_no_delay(result)  // refused by Unix sockets, which need none
        return (result, inProgress != 0)
    }

    /// The error that a connection attempt ended with, nil for success.
    package static func pendingError(_ descriptor: CInt, address: SocketAddress) -> SystemError? {
        let result = cfluxon_socket_error(descriptor)
        return result == 0 ? nil : connectError(address, errno: -result)
    }

    private static func connectError(_ address: SocketAddress, errno: CInt) -> SystemError {
        let advice =
            switch errno {
            case ECONNREFUSED, ENOENT: "check that the server runs and listens there"
            case EACCES, EPERM: "this user may not use that socket"
            case EAGAIN: "the server does not accept: it is stopped or overloaded"
            default: ""
            }
        return SystemError("connect to \(address)", errno: errno, advice: advice)
    }

    /// Listens on `address`; port 0 takes any port. For a Unix socket whose name others may want, see `SocketName`.
    package static func listen(on address: SocketAddress, backlog: CInt = 1024) throws(SystemError) -> Descriptor {
        let resolved = try ResolvedAddress.resolve(address)
        guard var raw = resolved.first?.raw else { throw SystemError("listen on \(address)", errno: EADDRNOTAVAIL) }
        let result = cfluxon_listen(&raw, backlog)
        guard result >= 0 else { throw listenError(address, errno: -result) }
        return Descriptor(owning: result)
    }

    /// Whether nobody listens at the Unix socket `path`.
    package static func isAbandoned(_ path: String) -> Bool {
        guard var raw = try? ResolvedAddress.resolve(.unix(path)).first?.raw else { return false }
        var inProgress: CInt = 0
        let probe = cfluxon_connect(&raw, &inProgress)
        if probe >= 0 { _ = cfluxon_close(probe) }
        return probe == -ECONNREFUSED
    }

    private static func listenError(_ address: SocketAddress, errno: CInt) -> SystemError {
        let advice =
            switch errno {
            case EADDRINUSE: "another process listens there; stop it or choose another address"
            case EACCES: "ports below 1024 and folders of other users need rights"
            case ENOENT: "make the folder of the socket first"
            case EADDRNOTAVAIL: "no interface of this machine has that address"
            default: ""
            }
        return SystemError("listen on \(address)", errno: errno, advice: advice)
    }

    /// Takes one waiting connection, nil when there is none.
    package static func accept(on listener: CInt) throws(SystemError) -> Descriptor? {
        let result = cfluxon_accept(listener)
        if result == -EAGAIN { return nil }
        guard result >= 0 else {
            throw SystemError(
                "accept a connection", errno: -result, advice: -result == EMFILE ? "raise the limit on open files (ulimit -n)" : "")
        }
        _ = cfluxon_set_no_delay(result)
        return Descriptor(owning: result)
    }

    /// The address that a socket is bound to, with the port that the kernel chose.
    package static func localAddress(of descriptor: CInt) throws(SystemError) -> SocketAddress {
        var raw = cfluxon_address()
        _ = try checked(cfluxon_local_address(descriptor, &raw), "read a socket's own address")
        return ResolvedAddress(raw: raw).address
    }

    /// The address of the other side. A Unix client usually has an empty path.
    package static func peerAddress(of descriptor: CInt) throws(SystemError) -> SocketAddress {
        var raw = cfluxon_address()
        _ = try checked(cfluxon_peer_address(descriptor, &raw), "read a socket's peer address")
        return ResolvedAddress(raw: raw).address
    }

    /// Asks the kernel for buffers of these sizes; zero leaves one as it is.
    package static func setBuffers(_ descriptor: CInt, send: Int = 0, receive: Int = 0) {
        _ = cfluxon_set_buffers(descriptor, CInt(clamping: send), CInt(clamping: receive))
    }

    /// Has the socket reported readable only once `bytes` wait in it (or what its buffer takes, its end, or an error): a wake-up for
    /// each packet costs both sides more than the packet. Harmless where the kernel refuses.
    package static func setReceiveLowWater(_ descriptor: CInt, bytes: Int) {
        _ = cfluxon_set_receive_low_water(descriptor, CInt(clamping: bytes))
    }

    /// No more bytes will be sent; the peer reads an end.
    package static func shutdownWrite(_ descriptor: CInt) { _ = cfluxon_shutdown_write(descriptor) }

    package static func receive(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return .moved(0) }
        return read(cfluxon_receive(descriptor, base, buffer.count))
    }

    /// Looks at the first waiting bytes and leaves them there.
    package static func peek(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return .moved(0) }
        return read(cfluxon_peek(descriptor, base, buffer.count))
    }

    package static func send(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return .moved(0) }
        return written(cfluxon_send(descriptor, base, bytes.count))
    }

    /// Sends from several places at once. At most 1024 slices are looked at.
    package static func send(_ descriptor: CInt, slices: [UnsafeRawBufferPointer]) -> Transfer {
        withUnsafeTemporaryAllocation(of: cfluxon_slice.self, capacity: slices.count) { raw -> Transfer in
            var count: CInt = 0
            for slice in slices.prefix(1024) where slice.count > 0 {
                raw.initializeElement(at: Int(count), to: cfluxon_slice(base: slice.baseAddress, count: slice.count))
                count += 1
            }
            guard count > 0 else { return .moved(0) }
            return written(cfluxon_send_slices(descriptor, raw.baseAddress, count))
        }
    }

    /// Receives into several places at once. At most 1024 slices are looked at.
    package static func receive(_ descriptor: CInt, slices: [UnsafeMutableRawBufferPointer]) -> Transfer {
        withUnsafeTemporaryAllocation(of: cfluxon_slice.self, capacity: slices.count) { raw -> Transfer in
            var count: CInt = 0
            for slice in slices.prefix(1024) where slice.count > 0 {
                raw.initializeElement(at: Int(count), to: cfluxon_slice(base: UnsafeRawPointer(slice.baseAddress), count: slice.count))
                count += 1
            }
            guard count > 0 else { return .moved(0) }
            return read(cfluxon_receive_slices(descriptor, raw.baseAddress, count))
        }
    }

    private static func read(_ result: Int) -> Transfer {
        if result > 0 { return .moved(result) }
        if result == 0 { return .ended }
        return result == -Int(EAGAIN) ? .wouldBlock : .failed(errno: CInt(truncatingIfNeeded: -result))
    }

    private static func written(_ result: Int) -> Transfer {
        if result >= 0 { return .moved(result) }
        return result == -Int(EAGAIN) ? .wouldBlock : .failed(errno: CInt(truncatingIfNeeded: -result))
    }
}
