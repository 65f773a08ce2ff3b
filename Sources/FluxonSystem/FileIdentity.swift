private import CLinux
private import Glibc

/// Which file something is, whatever it is called: what lies at a path now may be another one than was opened there.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    package let isSocket: Bool

    private init(_ raw: cfluxon_identity) {
        device = raw.device
        inode = raw.inode
        isSocket = raw.is_socket == 1
    }

    package init(of file: borrowing Descriptor) throws(SystemError) {
        var raw = cfluxon_identity()
        _ = try checked(cfluxon_identity_of(file.number, &raw), "look at an open file")
        self.init(raw)
    }

    /// What lies at `path`, a link itself; nil: nothing.
    package init?(at path: String) throws(SystemError) {
        var raw = cfluxon_identity()
        let result = cfluxon_identity_at(path, &raw)
        if result == -ENOENT { return nil }
        _ = try checked(result, "look at \(path)")
        self.init(raw)
    }
}

extension File {
    /// Removes the name `path` if it still is that of `identity`: what somebody else has put there meanwhile stays.
    ///
    /// The caller holds the lock under which such names are given, or nobody else gives this one.
    package static func remove(_ path: String, ifStill identity: FileIdentity) throws(SystemError) {
        if try FileIdentity(at: path) == identity { try remove(path) }
    }
}

/// A lock that is found by its path and held by one process at a time, until this value ends; its file goes with it.
package struct FileLock: ~Copyable, Sendable {
    private let path: String
    private let file: Descriptor
    private let identity: FileIdentity

    /// - Throws: an error that `isInUse` when another process holds it, or what the kernel says.
    package init(path: String) throws(SystemError) {
        while true {
            let file = try File.open(path, .create, permissions: 0o600)
            guard try File.tryLock(file) else { throw SystemError("lock \(path)", errno: EWOULDBLOCK) }
            let identity = try FileIdentity(of: file)
            // Whoever held it may have removed the file after it was opened here: a lock that nobody finds excludes nobody.
            guard try FileIdentity(at: path) == identity else { continue }
            self.path = path
            self.file = file
            self.identity = identity
            return
        }
    }

    deinit { try? File.remove(path, ifStill: identity) }
}

/// The name of a Unix socket, claimed by this process: `{path}.lock` is held first, so that what lies at the path is a dead process's, or
/// nobody's socket, and of two processes that want the name one gets it.
///
///     claimed ──listen──▶ served ──the value ends──▶ socket and lock removed, each if it is still this process's
package struct SocketName: ~Copyable, Sendable {
    package let path: String
    private let lock: FileLock
    private var served: FileIdentity?

    /// - Throws: an error that `isInUse` when another live process has the name, or what the kernel says.
    package init(claiming path: String) throws(SystemError) {
        self.path = path
        do throws(SystemError) { lock = try FileLock(path: "\(path).lock") } catch {
            guard error.isInUse else { throw error }
            throw SystemError(
                "listen on unix:\(path)", errno: EADDRINUSE, advice: "another process listens there; stop it or choose another")
        }
    }

    /// Makes the socket, which its user and group may connect to, whatever the umask. A socket that nobody serves any more is replaced.
    package mutating func listen(permissions: UInt32 = 0o660) throws(SystemError) -> Descriptor {
        let descriptor: Descriptor
        do throws(SystemError) { descriptor = try Socket.listen(on: .unix(path)) } catch {
            guard error.errno == EADDRINUSE, let left = try FileIdentity(at: path), left.isSocket, Socket.isAbandoned(path) else {
                throw error
            }
            try File.remove(path, ifStill: left)
            return try listen(permissions: permissions)
        }
        served = try FileIdentity(at: path)
        try File.setPermissions(at: path, permissions)
        return descriptor
    }

    deinit { if let served { try? File.remove(path, ifStill: served) } }
}
