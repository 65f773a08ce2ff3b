package import FluxonEtcd
private import FoundationEssentials

/// What a range request makes of the keys found: bounds on revisions, order, limit. In the order that etcd applies them.
package struct RangeSelection: Sendable {
    private let request: WireRangeRequest

    package init(_ request: WireRangeRequest) { self.request = request }

    /// The order asked for; another target than the key without an order means ascending.
    private var order: WireRangeRequest.SortOrder {
        request.sortOrder == .none && request.sortTarget != .key ? .ascend : request.sortOrder
    }

    /// Whether the store may stop after `limit` + 1 rows in key order: nothing is dropped or reordered afterwards.
    package var storeMayLimit: Bool {
        request.limit > 0 && order == .none && !isFiltered
    }

    /// Whether values must be loaded: not when only keys are asked for, unless the values give the order.
    package var needsValues: Bool { !request.keysOnly || request.sortTarget == .value }

    private var isFiltered: Bool {
        request.minModRevision != 0 || request.maxModRevision != 0 || request.minCreateRevision != 0 || request.maxCreateRevision != 0
    }

    /// - Parameter found: In the order of keys.
    package func apply(to found: [WireKeyValue]) -> (keyValues: [WireKeyValue], more: Bool) {
        var kept = isFiltered ? found.filter(isWithinBounds) : found
        sort(&kept)
        let limit = Int(clamping: request.limit)
        let more = limit > 0 && kept.count > limit
        if more { kept.removeLast(kept.count - limit) }
        if request.keysOnly {
            for index in kept.indices { kept[index].value = Data() }
        }
        return (kept, more)
    }

    private func isWithinBounds(_ keyValue: WireKeyValue) -> Bool {
        (request.minModRevision == 0 || keyValue.modRevision >= request.minModRevision)
            && (request.maxModRevision == 0 || keyValue.modRevision <= request.maxModRevision)
            && (request.minCreateRevision == 0 || keyValue.createRevision >= request.minCreateRevision)
            && (request.maxCreateRevision == 0 || keyValue.createRevision <= request.maxCreateRevision)
    }

    private func sort(_ keyValues: inout [WireKeyValue]) {
        let isDescending = order == .descend
        guard order != .none else { return }
        switch request.sortTarget {
        case .key, .UNRECOGNIZED:
            // They come in this order already.
            if isDescending { keyValues.reverse() }
        case .version: keyValues.sort { isDescending ? $1.version < $0.version : $0.version < $1.version }
        case .create: keyValues.sort { isDescending ? $1.createRevision < $0.createRevision : $0.createRevision < $1.createRevision }
        case .mod: keyValues.sort { isDescending ? $1.modRevision < $0.modRevision : $0.modRevision < $1.modRevision }
        case .value:
            keyValues.sort { isDescending ? $1.value.lexicographicallyPrecedes($0.value) : $0.value.lexicographicallyPrecedes($1.value) }
        }
    }
}
