internal import CLinux
internal import Glibc

/// Calls on files, as far as pools and small state files need them.
package enum File {
    package enum Mode: Sendable { case read, readWrite, create, createNew, append }

    /// Opens `path`. A file made here has `permissions`, whatever the umask; one that was there keeps its own.
    package static func open(_ path: String, _ mode: Mode, permissions: UInt32 = 0o640) throws(SystemError) -> Descriptor {
        switch mode {
        case .read: try open(path, flags: O_RDONLY)
        case .readWrite: try open(path, flags: O_RDWR)
        case .create: try openOrMake(path, O_RDWR, permissions)
        case .append: try openOrMake(path, O_WRONLY | O_APPEND, permissions)
        case .createNew: try make(path, O_RDWR, permissions)
        }
    }

    private static func open(_ path: String, flags: CInt) throws(SystemError) -> Descriptor {
        Descriptor(owning: try checked(cfluxon_open(path, flags, 0), "open \(path)"))
    }

    private static func make(_ path: String, _ flags: CInt, _ permissions: UInt32) throws(SystemError) -> Descriptor {
        let made = Descriptor(owning: try checked(cfluxon_open(path, flags | O_CREAT | O_EXCL, permissions), "make \(path)"))
        try setPermissions(made, permissions)
        return made
    }

    private static func openOrMake(_ path: String, _ flags: CInt, _ permissions: UInt32) throws(SystemError) -> Descriptor {
        while true {
            do throws(SystemError) { return try make(path, flags, permissions) } catch {
                guard error.errno == EEXIST else { throw SystemError("open \(path)", errno: error.errno) }
            }
            do throws(SystemError) { return try open(path, flags: flags) } catch {
                // Gone meanwhile; a link that leads nowhere is there and stays.
                if error.errno != ENOENT || (try? FileIdentity(at: path)) ?? nil != nil { throw error }
            }
        }
    }

    /// Memory with a descriptor and no name in any folder.
    package static func inMemory(name: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try checked(cfluxon_memory_file(name), "make the memory file '\(name)'"))
    }

    package static func resize(_ file: borrowing Descriptor, to byteCount: UInt64) throws(SystemError) {
        _ = try checked(cfluxon_resize(file.number, byteCount), "resize a file to \(byteCount) bytes")
    }

    /// Takes the pages of the range now, so that a full file system is an error here and no SIGBUS later.
    package static func reserve(_ file: borrowing Descriptor, offset: UInt64 = 0, byteCount: UInt64) throws(SystemError) {
        _ = try checked(cfluxon_reserve(file.number, offset, byteCount), "reserve \(byteCount) bytes of a file")
    }

    /// Gives the pages of the range back; the file keeps its size and reads as zero there.
    package static func punchHole(_ file: borrowing Descriptor, offset: UInt64, byteCount: UInt64) throws(SystemError) {
        _ = try checked(cfluxon_punch_hole(file.number, offset, byteCount), "free \(byteCount) bytes of a file")
    }

    package static func size(_ file: borrowing Descriptor) throws(SystemError) -> UInt64 {
        UInt64(try checked(cfluxon_file_size(file.number), "read a file's size"))
    }

    /// Takes a `flock` without waiting; false when another open file holds it. It goes with the last descriptor of this open file.
    package static func tryLock(_ file: borrowing Descriptor, exclusive: Bool = true) throws(SystemError) -> Bool {
        let result = cfluxon_lock(file.number, exclusive ? 1 : 0)
        if result == -EWOULDBLOCK { return false }
        _ = try checked(result, "lock a file")
        return true
    }

    package static func unlock(_ file: borrowing Descriptor) throws(SystemError) {
        _ = try checked(cfluxon_unlock(file.number), "unlock a file")
    }

    /// Removes a name; none there is fine.
    package static func remove(_ path: String) throws(SystemError) {
        let result = cfluxon_unlink(path)
        if result != -ENOENT { _ = try checked(result, "remove \(path)") }
    }

    package static func rename(_ source: String, to target: String) throws(SystemError) {
        _ = try checked(cfluxon_rename(source, target), "rename \(source) to \(target)")
    }

    /// Makes a folder and those above it, with these permissions whatever the umask; one that is there already is fine.
    package static func makeDirectories(_ path: String, permissions: UInt32 = 0o750) throws(SystemError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") where part != "." {
            made += "/\(part)"
            let result = cfluxon_make_directory(made, permissions)
            if result == -EEXIST { continue }
            _ = try checked(result, "make the folder \(made)")
            try setPermissions(at: made, permissions)
        }
    }

    /// Whether what lies in `folder` lies in memory alone: on a tmpfs, say.
    package static func isInMemory(folder: String) throws(SystemError) -> Bool {
        try checked(cfluxon_is_memory_file_system(folder), "ask for the file system of \(folder)") == 1
    }

    package static func setPermissions(_ file: borrowing Descriptor, _ permissions: UInt32) throws(SystemError) {
        _ = try checked(cfluxon_change_mode(file.number, permissions), "set a file's permissions")
    }

    package static func setPermissions(at path: String, _ permissions: UInt32) throws(SystemError) {
        _ = try checked(cfluxon_change_mode_at(path, permissions), "set the permissions of \(path)")
    }

    package static func sync(_ file: borrowing Descriptor) throws(SystemError) {
        _ = try checked(cfluxon_sync(file.number), "write a file to disk")
    }

    /// A whole file of at most `limit` bytes.
    package static func readAll(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let file = try open(path, .read)
        var bytes: [UInt8] = []
        while true {
            var moved = 0
            bytes.append(
                contentsOf: [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
                    moved = cfluxon_read(file.number, buffer.baseAddress, 65536)
                    count = max(moved, 0)
                })
            if try checked(moved, "read \(path)") == 0 { return bytes }
            guard bytes.count <= limit else { throw SystemError("read \(path)", errno: EFBIG, advice: "it may have \(limit) bytes") }
        }
    }

    /// Writes a whole file under another name and renames it, so that a reader sees the old content or the new.
    package static func replace(_ path: String, with bytes: [UInt8], permissions: UInt32 = 0o640) throws(SystemError) {
        let temporary = "\(path).\(getpid()).new"
        try remove(temporary)
        let file = try open(temporary, .createNew, permissions: permissions)
        do throws(SystemError) {
            var offset = 0
            while offset < bytes.count {
                let moved = bytes[offset...].withUnsafeBytes { cfluxon_write(file.number, $0.baseAddress, $0.count) }
                offset += try checked(moved, "write \(temporary)")
            }
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw error
        }
    }

    /// Free and total bytes of the file system that holds `path`.
    package static func space(at path: String) throws(SystemError) -> (free: UInt64, total: UInt64) {
        var free: UInt64 = 0
        var total: UInt64 = 0
        _ = try checked(cfluxon_file_system(path, &free, &total), "ask for the free space at \(path)")
        return (free, total)
    }
}
