import CFluxonPool
package import FluxonSystem
private import Synchronization

/// A writer's own pages of the pool: the spans that the owner granted to its process, and nothing else, mapped for writing at their
/// places in a reserved range of addresses (CONSISTENCY F1).
///
/// Mapping and unmapping are for one thread at a time; addresses may be used by any.
package final class WriteArena: @unchecked Sendable {
    // SAFETY: `spans` is touched under its lock only. What is written in a span is this process's own affair until it commits.
    private let file: MemoryFile
    private let mapping: SharedMapping
    /// In bytes of the file.
    private let spans = Mutex(SpanSet())

    /// - Parameter pool: the pool's file, open for writing, as passed by the owner to a process that may put.
    package init(pool: MemoryFile) throws(PoolError) {
        file = pool
        do { mapping = try SharedMapping(reserving: try pool.byteCount()) } catch { throw .system("a write arena: \(error)") }
    }

    /// Maps a granted span and touches its pages, so that the first put into it does not pay for them. What is mapped already stays as it
    /// is: other threads write there.
    package func map(_ span: PoolSpan) throws(PoolError) {
        guard let range = pages(of: span) else {
            throw .damaged("a granted span of \(span.byteCount) bytes at \(span.offset) is outside the pool")
        }
        for missing in spans.withLock({ $0.missing(in: range) }) {
            do {
                try mapping.map(file, missing)
                try mapping.populate(missing, writable: true)
            } catch {
                throw .system("map a granted span: \(error)")
            }
            spans.withLock { $0.insert(missing) }
        }
    }

    /// Bytes of the pool's file: no process is granted more.
    package var byteCount: UInt64 { UInt64(mapping.byteCount) }

    /// What an owner grants is another process's word: an extent must be aligned as extents are, not empty, and within the file. Whether it
    /// is mapped `bytes` tells.
    ///
    /// - Throws: `.damaged`.
    package func check(_ extent: Extent) throws(PoolError) {
        let alignment = UInt64(SizeClasses.alignment)
        guard extent.capacity > 0, extent.offset % alignment == 0, extent.capacity % alignment == 0,
            range(extent.offset, extent.capacity) != nil
        else {
            throw .damaged("a granted extent of \(extent.capacity) bytes at \(extent.offset) is none of this pool")
        }
    }

    /// Unmaps withdrawn memory, which may be several granted spans or part of one; then the process confirms to the owner.
    package func unmap(_ span: PoolSpan) throws(PoolError) {
        guard let range = pages(of: span) else {
            throw .damaged("a withdrawn span of \(span.byteCount) bytes at \(span.offset) is outside the pool")
        }
        spans.withLock { $0.remove(range) }
        do { try mapping.unmap(range) } catch { throw .system("unmap a withdrawn span: \(error)") }
    }

    /// Where to write an extent; nil when it does not lie in mapped spans. O(log spans).
    package func bytes(of extent: Extent) -> UnsafeMutableRawBufferPointer? {
        guard let range = range(extent.offset, extent.capacity), spans.withLock({ $0.contains(range) }) else { return nil }
        return UnsafeMutableRawBufferPointer(start: mapping.base + range.lowerBound, count: range.count)
    }

    /// The kernel would take more than a span that ends within a page.
    private func pages(of span: PoolSpan) -> Range<Int>? {
        guard let range = range(span.offset, span.byteCount), range.lowerBound % 4096 == 0, range.count % 4096 == 0, !range.isEmpty else {
            return nil
        }
        return range
    }

    private func range(_ offset: UInt64, _ byteCount: UInt64) -> Range<Int>? {
        let (end, overflow) = offset.addingReportingOverflow(byteCount)
        guard !overflow, end <= UInt64(mapping.byteCount) else { return nil }
        return Int(offset)..<Int(end)
    }
}

/// Copies into a mapped extent past the caches, and fences, so that the commit may be sent at once (P6). For values that are
/// large against the caches; small ones are better copied plainly.
package func copyStreaming(to destination: UnsafeMutableRawBufferPointer, from source: UnsafeRawBufferPointer) {
    precondition(source.count <= destination.count)
    guard let to = destination.baseAddress, let from = source.baseAddress else { return }
    cfluxon_copy_streaming(to, from, source.count)
}
