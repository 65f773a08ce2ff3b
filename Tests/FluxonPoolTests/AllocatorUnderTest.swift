@testable import FluxonPool

/// An allocator that `#expect` can call.
final class AllocatorUnderTest {
    private var rules: ExtentAllocator

    init(dataOffset: UInt64, dataBytes: Int, pageBytes: Int) {
        rules = ExtentAllocator(dataOffset: dataOffset, dataBytes: dataBytes, pageBytes: pageBytes)
    }

    var liveExtents: Int { rules.liveExtents }
    var liveBytes: Int { rules.liveBytes }
    var rootFreeBytes: Int { rules.rootFreeBytes }
    func addProcess(_ process: UInt64) throws(PoolError) { try rules.addProcess(process) }
    func removeProcess(_ process: UInt64) { rules.removeProcess(process) }
    func allocate(_ bytes: Int, tenant: Tenant) throws(PoolError) -> Extent { try rules.allocate(bytes, tenant: tenant) }
    @discardableResult
    func release(_ extent: Extent) throws(PoolError) -> Bool { try rules.release(extent) }
    func tighten() { rules.tighten() }
    func extent(at offset: UInt64) -> Extent? { rules.extent(at: offset) }
    func isLive(_ extent: Extent, tenant: Tenant) -> Bool { rules.isLive(extent, tenant: tenant) }
    func takeGrantedSpans(of process: UInt64) -> [PoolSpan] { rules.takeGrantedSpans(of: process) }
    func withdrawIdleSpans(of process: UInt64) -> [PoolSpan] { rules.withdrawIdleSpans(of: process, limit: .max) }
    func spans(of process: UInt64) -> [PoolSpan] { rules.spans(of: process) }
    func withdrawnSpans(of process: UInt64) -> [PoolSpan] { rules.withdrawnSpans(of: process) }
    func heldBytes(of process: UInt64) -> Int { rules.heldBytes(of: process) }
    func confirmUnmapped(_ span: PoolSpan, of process: UInt64) -> Bool { rules.confirmUnmapped(span, of: process) }
    func setEntry(_ entry: UInt32, of extent: Extent) { rules.setEntry(entry, of: extent) }
    func window(
        around extent: Extent, pages: Int, tenant: Tenant, crosses: Bool, cost: (UInt32, Extent) -> Int?
    ) -> ExtentAllocator.Window? {
        rules.window(around: extent, pages: pages, tenant: tenant, crosses: crosses, cost: cost)
    }
}
