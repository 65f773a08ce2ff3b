import FluxonSystem

/// Part of registered memory: what a peer needs to read it, and what this side needs to read into it.
struct MemorySegment: Hashable {
    var address: UInt
    var byteCount: Int
    var localKey: UInt32
    var remoteKey: UInt32
}

/// The memory that one device knows. Registered once, whole, or in chunks where the device refuses that much at a time.
struct RegisteredMemory {
    /// The smallest chunk that is tried. Below it a refusal is not about the size.
    static let smallestChunk = 64 << 20

    /// By address; they do not overlap.
    private var regions: [VerbsRegion] = []

    mutating func add(_ added: [VerbsRegion]) {
        regions = (regions + added).sorted { $0.start < $1.start }
    }

    /// The device forgets all of it. May take the kernel a while for a large pool.
    func deregister() { for region in regions { region.deregister() } }

    /// The parts of `bytes` by region; nil where some of it is not registered.
    func segments(of bytes: UnsafeRawBufferPointer) -> [MemorySegment]? {
        let start = UInt(bitPattern: bytes.baseAddress)
        guard bytes.count > 0, var index = firstIndex(endingAfter: start) else { return nil }
        var segments: [MemorySegment] = []
        var position = start
        let end = start + UInt(bytes.count)
        while position < end {
            guard index < regions.count, regions[index].start <= position else { return nil }
            let region = regions[index]
            let count = Int(min(region.end, end) - position)
            segments.append(
                MemorySegment(address: position, byteCount: count, localKey: region.localKey, remoteKey: region.remoteKey))
            position += UInt(count)
            index += 1
        }
        return segments
    }

    private func firstIndex(endingAfter address: UInt) -> Int? { regions.firstIndex { $0.end > address } }

    /// Registers all of `bytes` by calling `register` on ever smaller chunks.
    ///
    /// - Throws: What the smallest chunk was refused with; what was registered before is let go.
    static func inChunks<Region>(
        of bytes: UnsafeMutableRawBufferPointer, atMost largest: Int,
        _ register: (UnsafeMutableRawBufferPointer) throws(SystemError) -> Region
    ) throws(SystemError) -> [Region] {
        var chunk = max(min(bytes.count, largest), 1)
        var regions: [Region] = []
        var position = 0
        while position < bytes.count {
            let part = UnsafeMutableRawBufferPointer(rebasing: bytes[position..<min(position + chunk, bytes.count)])
            do throws(SystemError) {
                regions.append(try register(part))
                position += part.count
            } catch {
                guard chunk > smallestChunk else { throw error }
                chunk = max(chunk / 2, smallestChunk) & ~4095
            }
        }
        return regions
    }
}
