import FluxonCore
import FluxonPoolStress
import FluxonSystem
import Foundation
import Glibc
import Testing

@testable import FluxonPool

@Suite struct PoolFileTests {
    /// A folder of its own in /dev/shm, removed at the end.
    private final class Folder {
        let path: String
        init() {
            var template = Array("/dev/shm/fluxon-test-XXXXXX".utf8CString)
            _ = template.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.map { mkdtemp($0) } }
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test("a new pool is a file of mode 0640, reserved in full, and attests nothing")
    func new() throws {
        let folder = Folder()
        let opened = try PoolFile.open(folder: folder.path, capacityBytes: 1 << 20, hashSeed: 1)
        #expect(!opened.attested)
        var status = stat()
        #expect(stat("\(folder.path)/pool", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o640)
        #expect(Int(status.st_blocks) * 512 >= opened.storage.geometry.initialBytes)
        let pool = try Pool(opened.storage, epoch: opened.epoch)
        #expect(pool.epoch == opened.epoch)
    }

    @Test("a folder whose owner lives is refused, with what to do")
    func inUse() throws {
        let folder = Folder()
        let first = try PoolFile.open(folder: folder.path, capacityBytes: 1 << 20, hashSeed: 1)
        #expect {
            try PoolFile.open(folder: folder.path, capacityBytes: 1 << 20, hashSeed: 1)
        } throws: { error in
            guard case .inUse(let text) = error as? PoolError else { return false }
            return text.contains("\(folder.path)/pool") && text.contains("stop it")
        }
        withExtendedLifetime(first) {}
    }

    @Test("a pool that has taken a dead one's place is neither removed nor taken for it")
    func otherPool() throws {
        let folder = Folder()
        do { _ = try PoolFile.open(folder: folder.path, capacityBytes: 1 << 20, hashSeed: 1) }
        #expect {
            try PoolFile.open(folder: folder.path, capacityBytes: 1 << 20, hashSeed: 1) {
                // Whoever does not know the lock puts its own there while this owner has the dead one's.
                try File.replace("\(folder.path)/pool", with: [7])
            }
        } throws: { error in
            if case .inUse = error as? PoolError { true } else { false }
        }
        #expect(try File.readAll("\(folder.path)/pool", limit: 1) == [7])
    }

    @Test("R1: a dead owner's pool is fenced for its readers and replaced; the new one attests it and has a later epoch")
    func replaced() throws {
        let folder = Folder()
        var first: Pool? = try Self.pool(in: folder.path).pool
        let attachment = try #require(try first?.attach(process: 1, canPut: true))
        let view = try PoolView(
            pool: attachment.pool, pins: attachment.pins, heat: attachment.heat, grantedPins: attachment.grantedPins)
        try Self.put(try #require(first), "key", [1, 2, 3])
        first?.setDeadline(BootInstant(nanoseconds: .max - 1))
        let held = try #require(view.get(try Key("key")).hit())
        let oldEpoch = try #require(first?.epoch)
        // The descriptor that a writer got does not keep the lock: only the owner's own does, and it goes with the owner.
        first = nil
        let (second, attested) = try Self.pool(in: folder.path)
        #expect(attested)
        #expect(second.epoch > oldEpoch)
        #expect(view.get(try Key("key"), .local).kind() == .epochChanged)
        #expect(!view.isAttached)
        #expect(held.bytes == [1, 2, 3], "a held value stays readable")
        #expect(second.find(try Key("key")) == nil)
    }

    @Test("an owner that stops gives the memory back when nobody is attached, and the next one still attests its pool")
    func released() throws {
        let folder = Folder()
        func blocks() -> Int {
            var status = stat()
            return stat("\(folder.path)/pool", &status) == 0 ? Int(status.st_blocks) * 512 : -1
        }
        var pool: Pool? = try Self.pool(in: folder.path).pool
        let full = blocks()
        _ = try pool?.attach(process: 1, canPut: false)
        pool?.fence()
        #expect(pool?.releaseData() == false && blocks() == full, "who is attached may hold a value")
        pool?.processDied(1)
        #expect(pool?.releaseData() == true && blocks() <= full - (1 << 20))
        pool = nil
        let second = try Self.pool(in: folder.path)
        #expect(second.attested && blocks() == full)
    }

    @Test("a file that is no pool is replaced, and attests nothing")
    func foreignFile() throws {
        let folder = Folder()
        try File.replace("\(folder.path)/pool", with: Array("something else".utf8))
        #expect(try !Self.pool(in: folder.path).attested)
    }

    @Test("a pool that does not fit is an error with the numbers and the fix, and leaves no file")
    func noRoom() throws {
        let folder = Folder()
        #expect {
            try PoolFile.open(folder: folder.path, capacityBytes: 1 << 50, hashSeed: 1)
        } throws: { error in
            guard case .noRoom(let text) = error as? PoolError else { return false }
            return text.contains(folder.path) && text.contains("contribute_to_cluster_pool_size") && text.contains("free")
        }
        #expect(access("\(folder.path)/pool", F_OK) != 0)
    }

    @Test("the container's limit counts as much as the file system's")
    func controlGroup() throws {
        let space = (free: UInt64(10 << 30), total: UInt64(20 << 30))
        func problem(_ needed: Int, limit: Int?, used: Int) -> String? {
            PoolRoom.problem(folder: "/dev/shm", neededBytes: needed, space: space, cgroup: .init(limitBytes: limit, usedBytes: used))
        }
        #expect(problem(1 << 30, limit: nil, used: 0) == nil)
        #expect(problem(1 << 30, limit: 2 << 30, used: 1 << 30) == nil)
        let text = try #require(problem(1 << 30, limit: 1 << 30, used: 100 << 20))
        #expect(text.contains("memory limit is \(1 << 30) bytes") && text.contains("\((1 << 30) - (100 << 20)) are free"))
        #expect(problem(11 << 30, limit: nil, used: 0)?.contains("docker --shm-size") == true)
        #expect(PoolRoom.ControlGroup.cachedFileBytes("anon 5\nactive_file 100\ninactive_file 23\nshmem 7\n") == 123)
        #expect(PoolRoom.ControlGroup.cachedFileBytes("active_file 1\ntotal_active_file 40\ntotal_inactive_file 2") == 42)
        let usable = PoolRoom.usable(1 << 30)
        #expect(PoolGeometry(capacityBytes: usable, hashSeed: 0).initialBytes <= 1 << 30)
        #expect(usable > 950 << 20, "the advice wastes little")
        #expect(problem(11 << 30, limit: nil, used: 0)?.contains("to at most \(PoolRoom.usable(10 << 30)),") == true)
        #expect("\(PoolError.noRoom("why"))" == "why", "a message of its own needs no case's name")
    }

    @Test("of nested groups the one with the least room counts, in cgroup v2 and v1, and in a container that sees its group as the root")
    func nestedControlGroups() throws {
        let folder = Folder()
        let root = "\(folder.path)/cgroup"
        func write(_ group: String, limit: String, used: Int, v2: Bool) throws {
            try File.makeDirectories("\(root)/\(group)")
            try File.replace("\(root)/\(group)/memory.\(v2 ? "max" : "limit_in_bytes")", with: Array("\(limit)\n".utf8))
            try File.replace("\(root)/\(group)/memory.\(v2 ? "current" : "usage_in_bytes")", with: Array("\(used)\n".utf8))
        }
        func current(_ lines: String) throws -> PoolRoom.ControlGroup {
            try File.replace("\(folder.path)/groups", with: Array(lines.utf8))
            return .current(groups: "\(folder.path)/groups", root: root)
        }
        #expect(try current("0::/\n").limitBytes == nil)
        try write("slice/owner", limit: "max", used: 10, v2: true)
        try write("slice", limit: "1000", used: 900, v2: true)
        try write(".", limit: "500", used: 100, v2: true)
        #expect(try current("0::/slice/owner\n") == .init(limitBytes: 1000, usedBytes: 900))
        #expect(try current("0::/elsewhere/unseen\n") == .init(limitBytes: 500, usedBytes: 100))
        try write("memory", limit: "9223372036854771712", used: 5, v2: false)
        try write("memory/audit", limit: "90", used: 5, v2: false)
        #expect(try current("9:name=systemd:/\n4:cpu,memory:/audit\n0::/slice\n") == .init(limitBytes: 90, usedBytes: 5))
        #expect(try current("4:memory:/\n").limitBytes == nil)
    }

    private static func pool(in folder: String) throws -> (pool: Pool, attested: Bool) {
        let opened = try PoolFile.open(folder: folder, capacityBytes: 1 << 20, hashSeed: 1)
        return (try Pool(opened.storage, epoch: opened.epoch), opened.attested)
    }

    private static func put(_ pool: Pool, _ key: String, _ bytes: [UInt8]) throws {
        let extent = try pool.allocate(bytes.count, tenant: .owner)
        pool.bytes(of: extent)?.copyBytes(from: bytes)
        _ = try pool.publish(try Key(key), extent: extent, length: UInt64(bytes.count), version: Version(term: 1, sequence: 1))
    }
}
