import FluxonSystem
import Glibc

/// A file that takes what is free where the pools are.
struct MemoryFiller {
    let folder: String
    private var path: String { "\(folder)/filler" }

    init(folder: String) { self.folder = folder }

    /// - Returns: how many bytes were taken. Never more than 1 GiB: the machine's own memory is not the tests'.
    func fill() -> UInt64 {
        guard let free = try? File.space(at: folder).free, free < 1 << 30 else { return 0 }
        let file = Descriptor(owning: open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        return (try? File.reserve(file, byteCount: free)) == nil ? 0 : free
    }

    func release() { unlink(path) }
}
