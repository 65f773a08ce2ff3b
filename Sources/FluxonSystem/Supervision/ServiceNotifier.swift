internal import CLinux
internal import Glibc

/// Tells the service manager that started this process how it fares (sd_notify(3)): systemd, or `fluxon dev`.
///
/// Without `NOTIFY_SOCKET` in the environment nothing happens. A datagram that cannot be sent is dropped: a role serves on without
/// a manager that listens.
package enum ServiceNotifier {
    /// This process serves now: its sockets accept and it has joined its cluster.
    package static func ready() { notify("READY=1") }

    /// This process has begun to stop.
    package static func stopping() { notify("STOPPING=1") }

    /// One line for a person: `systemctl status` and `fluxon dev` show it.
    package static func status(_ text: String) {
        notify("STATUS=" + text.map { $0.isNewline ? " " : String($0) }.joined())
    }

    private static func notify(_ text: String) {
        guard let path = getenv("NOTIFY_SOCKET") else { return }
        send(text, to: String(cString: path))
    }

    /// Never waits: the caller is a role's loop, and a manager that is stopped must not stop the role.
    package static func send(_ text: String, to path: String) { _ = cfluxon_notify(path, text) }
}

/// The manager's end of `ServiceNotifier`: a socket for one child.
package struct ServiceNotificationSocket: ~Copyable, Sendable {
    package enum Notification: Hashable, Sendable { case ready, stopping, status(String) }

    package let descriptor: Descriptor
    /// What the child's `NOTIFY_SOCKET` has to be.
    package let path: String

    /// - Parameter path: At most 107 bytes; anything there is replaced.
    package init(path: String) throws(SystemError) {
        try File.remove(path)
        descriptor = Descriptor(owning: try checked(cfluxon_notify_listen(path), "listen for notifications at \(path)"))
        self.path = path
    }

    /// Everything that has arrived; what is not understood is skipped.
    package func receive() throws(SystemError) -> [Notification] {
        var notifications: [Notification] = []
        while true {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, initialized in
                count = cfluxon_notify_receive(descriptor.number, buffer.baseAddress, 4096)
                initialized = max(count, 0)
            }
            guard try checked(count, "receive a notification at \(path)") > 0 else { return notifications }
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                if line == "READY=1" {
                    notifications.append(.ready)
                } else if line == "STOPPING=1" {
                    notifications.append(.stopping)
                } else if line.hasPrefix("STATUS=") {
                    notifications.append(.status(String(line.dropFirst("STATUS=".count))))
                }
            }
        }
    }
}
