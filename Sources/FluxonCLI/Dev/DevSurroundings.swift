import FluxonCore
import FluxonSystem
import Foundation

/// What `fluxon dev` finds on the machine, and the folders that are its own until `cleanUp`.
struct DevSurroundings: ~Copyable {
    private static let memoryRoot = "/dev/shm"
    private static let poolPrefix = "fluxon-dev-"

    let workFolder: String
    let poolFolder: String
    /// Free bytes of /dev/shm, after pools that a killed `fluxon dev` left were removed.
    let freeBytes: UInt64
    private let isTemporary: Bool
    private let workLock: Descriptor
    private let poolLock: Descriptor

    /// Makes the folders and locks them, so that a second `fluxon dev` neither shares nor removes them.
    init(workdir: String?) throws {
        let name = String(UInt32.random(in: 0 ... .max), radix: 36)
        let folder: String
        if let workdir {
            folder = URL(fileURLWithPath: (workdir as NSString).expandingTildeInPath).standardizedFileURL.path
        } else {
            folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp").path + "/fluxon-dev-\(name)"
        }
        try File.makeDirectories(folder)
        let workLock = try Self.lock(folder)
        Self.removeAbandonedPools()
        let poolFolder = "\(Self.memoryRoot)/\(Self.poolPrefix)\(name)"
        // Locked before it has the name that `removeAbandonedPools` of another one looks for.
        let unnamed = "\(Self.memoryRoot)/.\(Self.poolPrefix)\(name)"
        try File.makeDirectories(unnamed)
        let poolLock = try Self.lock(unnamed)
        try File.rename(unnamed, to: poolFolder)
        let free = try File.space(at: Self.memoryRoot).free

        workFolder = folder
        self.poolFolder = poolFolder
        freeBytes = free
        isTemporary = workdir == nil
        self.workLock = workLock
        self.poolLock = poolLock
    }

    /// Gives the memory back, and the work folder too when it is a temporary one.
    func cleanUp(keepWorkFolder: Bool) {
        try? FileManager.default.removeItem(atPath: poolFolder)
        if isTemporary, !keepWorkFolder { try? FileManager.default.removeItem(atPath: workFolder) }
    }

    /// The folder that this executable lies in, with the roles beside it.
    static func executableFolder() throws -> String {
        let folder = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe").split(separator: "/").dropLast().joined(
            separator: "/")
        let missing = ["fluxon-master", "fluxon-owner", "fluxon-external"].filter {
            !FileManager.default.isExecutableFile(atPath: "/\(folder)/\($0)")
        }
        guard missing.isEmpty else {
            throw CommandFailure.failed(
                "\(missing.joined(separator: ", ")) not found in /\(folder), where fluxon itself is; build them with `swift build`")
        }
        return "/" + folder
    }

    private static func lock(_ folder: String) throws -> Descriptor {
        let file = try File.open(folder + "/lock", .create)
        guard try File.tryLock(file) else {
            throw CommandFailure.failed("another `fluxon dev` runs in \(folder); stop it, or give another --workdir")
        }
        return file
    }

    /// A `fluxon dev` that was killed outright leaves memory taken; its lock is free then.
    private static func removeAbandonedPools() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: memoryRoot)) ?? [] where name.hasPrefix(poolPrefix) {
            let folder = "\(memoryRoot)/\(name)"
            if (try? lock(folder)) != nil { try? FileManager.default.removeItem(atPath: folder) }
        }
    }
}
