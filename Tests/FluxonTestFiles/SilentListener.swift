import Glibc

/// An address of the loopback where nobody answers: its line of connections is full, so that the kernel drops whoever comes next, as a network
/// does that swallows packets.
package final class SilentListener: Sendable {
    package let port: UInt16
    private let sockets: [CInt]

    /// Nil: the kernel gives no socket.
    package init?() {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // SAFETY: a `sockaddr_in` is what the kernel expects behind a `sockaddr` of this family, and `size` is its size.
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 0) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isListening else {
            close(listener)
            return nil
        }
        // What the loopback does not take at once it does not take.
        var sockets = [listener]
        repeat {
            sockets.append(Self.connecting(to: address, size))
        } while Self.isConnected(sockets[sockets.count - 1]) && sockets.count < 64
        self.sockets = sockets
    }

    deinit { for socket in sockets { close(socket) } }

    private static func connecting(to address: sockaddr_in, _ size: socklen_t) -> CInt {
        let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
        var address = address
        // SAFETY: as above.
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(number, $0, size) }
        }
        return number
    }

    private static func isConnected(_ socket: CInt) -> Bool {
        var writable = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        return poll(&writable, 1, 200) == 1
    }
}
