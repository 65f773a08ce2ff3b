private import FoundationEssentials

/// What to read.
package struct EtcdRange: Hashable, Sendable {
    package enum Order: Hashable, Sendable { case ascending, descending }
    package enum SortKey: Hashable, Sendable { case key, version, createRevision, modRevision, value }

    package var keys: EtcdKeyRange
    /// The revision to read at; 0 = the newest.
    package var revision: Int64 = 0
    /// Most keys to return; 0 = all.
    package var limit: Int64 = 0
    package var sort: (by: SortKey, Order)? {
        get { sorting.map { ($0.key, $0.order) } }
        set { sorting = newValue.map { Sorting(key: $0.by, order: $0.1) } }
    }
    package var keysOnly = false
    package var countOnly = false
    package var minModRevision: Int64 = 0
    package var maxModRevision: Int64 = 0
    package var minCreateRevision: Int64 = 0
    package var maxCreateRevision: Int64 = 0

    private struct Sorting: Hashable, Sendable {
        let key: SortKey
        let order: Order
    }
    private var sorting: Sorting?

    package init(_ keys: EtcdKeyRange) { self.keys = keys }

    var wire: WireRangeRequest {
        var wire = WireRangeRequest()
        wire.key = Data(keys.start)
        wire.rangeEnd = Data(keys.end)
        wire.revision = revision
        wire.limit = limit
        wire.keysOnly = keysOnly
        wire.countOnly = countOnly
        wire.minModRevision = minModRevision
        wire.maxModRevision = maxModRevision
        wire.minCreateRevision = minCreateRevision
        wire.maxCreateRevision = maxCreateRevision
        if let sorting {
            wire.sortOrder = sorting.order == .ascending ? .ascend : .descend
            wire.sortTarget =
                switch sorting.key {
                case .key: .key
                case .version: .version
                case .createRevision: .create
                case .modRevision: .mod
                case .value: .value
                }
        }
        return wire
    }
}

package struct EtcdRangeResult: Hashable, Sendable {
    /// The newest revision of the store at the time of the read.
    package let revision: Int64
    package let keyValues: [EtcdKeyValue]
    /// Whether the limit cut something off.
    package let more: Bool
    /// All keys of the range, whatever the limit.
    package let count: Int64

    init(_ wire: WireRangeResponse) {
        revision = wire.header.revision
        keyValues = wire.kvs.map { EtcdKeyValue($0) }
        more = wire.more
        count = wire.count
    }
}

extension EtcdKeyRange {
    func wireDelete(previous: Bool = false) -> WireDeleteRangeRequest {
        var wire = WireDeleteRangeRequest()
        wire.key = Data(start)
        wire.rangeEnd = Data(end)
        wire.prevKv = previous
        return wire
    }
}
