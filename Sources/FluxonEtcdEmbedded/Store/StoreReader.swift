internal import FluxonEtcd
internal import FoundationEssentials
internal import GRDB

/// Reads of the store at one moment. Lives for one access to the database.
struct StoreReader {
    let db: Database
    var revision: Int64
    let compactedRevision: Int64

    /// Refuses a revision to read at that is not there yet or not any more; 0 is the newest.
    func check(revision asked: Int64) throws(EtcdFault) {
        guard asked > 0 else { return }
        if asked > revision { throw .futureRevision }
        if asked < compactedRevision { throw .compacted }
    }

    /// The keys of `keys` at `revision` (0 = now), in order.
    func keyValues(_ keys: EtcdKeyRange, at asked: Int64 = 0, limit: Int64? = nil, withValues: Bool = true) throws -> [WireKeyValue] {
        let columns = "h.main, h.key, h.create_revision, h.version, h.lease, \(withValues ? "h.value" : "x''")"
        let bounded = limit == nil ? "" : " LIMIT ?"
        var arguments = Self.bounds(keys)
        let sql: String
        if asked <= 0 || asked >= revision {
            sql =
                "SELECT \(columns) FROM live JOIN history h ON h.id = live.history WHERE \(Self.condition(keys, "live.key")) ORDER BY live.key\(bounded)"
        } else {
            sql = """
                SELECT \(columns) FROM history h WHERE \(Self.condition(keys, "h.key")) AND NOT h.is_deletion
                AND h.main = (SELECT max(n.main) FROM history n WHERE n.key = h.key AND n.main <= ?) ORDER BY h.key\(bounded)
                """
            arguments.append(asked)
        }
        if let limit { arguments.append(limit) }
        return try rows(sql, arguments, Self.keyValue)
    }

    func count(_ keys: EtcdKeyRange, at asked: Int64 = 0) throws -> Int64 {
        var arguments = Self.bounds(keys)
        let sql: String
        if asked <= 0 || asked >= revision {
            sql = "SELECT count(*) FROM live WHERE \(Self.condition(keys, "live.key"))"
        } else {
            sql = """
                SELECT count(*) FROM history h WHERE \(Self.condition(keys, "h.key")) AND NOT h.is_deletion
                AND h.main = (SELECT max(n.main) FROM history n WHERE n.key = h.key AND n.main <= ?)
                """
            arguments.append(asked)
        }
        return try rows(sql, arguments) { $0[0] as Int64 }.first ?? 0
    }

    /// The changes of whole revisions from `first` on, oldest first; ends after the revision in which their keys and values reach
    /// `byteCount` bytes, at 64 bytes more for each.
    func history(from first: Int64, through last: Int64, byteCount: Int) throws -> [MetadataStore.Revision] {
        let sql = """
            SELECT h.main, h.key, h.create_revision, h.version, h.lease, h.value, h.is_deletion,
                p.main, p.key, p.create_revision, p.version, p.lease, p.value
            FROM history h LEFT JOIN history p ON p.key = h.key AND NOT p.is_deletion
                AND p.main = (SELECT max(n.main) FROM history n WHERE n.key = h.key AND n.main < h.main)
            WHERE h.main >= ? AND h.main <= ? ORDER BY h.main, h.sub
            """
        let statement = try db.cachedStatement(sql: sql)
        let cursor = try Row.fetchCursor(statement, arguments: [first, last])
        var revisions: [MetadataStore.Revision] = []
        var number: Int64 = 0
        var events: [WireEvent] = []
        var total = 0
        while let row = try cursor.next() {
            let main: Int64 = row[0]
            if main != number {
                if !events.isEmpty { revisions.append(.init(number: number, events: events)) }
                if total >= byteCount { return revisions }
                number = main
                events = []
            }
            let event = Self.event(row)
            events.append(event)
            total += event.kv.key.count + event.kv.value.count + event.prevKv.value.count + 64
        }
        if !events.isEmpty { revisions.append(.init(number: number, events: events)) }
        return revisions
    }

    /// The keys that the lease will take with it, in order.
    func keys(ofLease lease: Int64) throws -> [Data] {
        try rows("SELECT key FROM live WHERE lease = ? AND lease <> 0 ORDER BY key", [lease]) { $0[0] as Data }
    }

    func leaseTTL(_ id: Int64) throws -> Int64? {
        try rows("SELECT ttl FROM lease WHERE id = ?", [id]) { $0[0] as Int64 }.first
    }

    func leases() throws -> [(id: Int64, ttl: Int64)] {
        try rows("SELECT id, ttl FROM lease ORDER BY id", []) { ($0[0] as Int64, $0[1] as Int64) }
    }

    func byteCounts() throws -> (all: Int64, inUse: Int64) {
        let pageSize = try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0
        let pages = try Int64.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        let free = try Int64.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        return (pages * pageSize, (pages - free) * pageSize)
    }

    private func rows<R>(_ sql: String, _ arguments: [any DatabaseValueConvertible], _ make: (Row) -> R) throws -> [R] {
        let cursor = try Row.fetchCursor(try db.cachedStatement(sql: sql), arguments: StatementArguments(arguments))
        var result: [R] = []
        while let row = try cursor.next() { result.append(make(row)) }
        return result
    }

    private static func condition(_ keys: EtcdKeyRange, _ column: String) -> String {
        if keys.isSingleKey { return "\(column) = ?" }
        return keys.isOpenEnded ? "\(column) >= ?" : "\(column) >= ? AND \(column) < ?"
    }

    private static func bounds(_ keys: EtcdKeyRange) -> [any DatabaseValueConvertible] {
        keys.isSingleKey || keys.isOpenEnded ? [Data(keys.start)] : [Data(keys.start), Data(keys.end)]
    }

    private static func keyValue(_ row: Row) -> WireKeyValue { keyValue(row, from: 0) }

    private static func keyValue(_ row: Row, from column: Int) -> WireKeyValue {
        var keyValue = WireKeyValue()
        keyValue.modRevision = row[column]
        keyValue.key = row[column + 1]
        keyValue.createRevision = row[column + 2]
        keyValue.version = row[column + 3]
        keyValue.lease = row[column + 4]
        keyValue.value = row[column + 5]
        return keyValue
    }

    private static func event(_ row: Row) -> WireEvent {
        var event = WireEvent()
        let isDeletion: Bool = row[6]
        event.type = isDeletion ? .delete : .put
        if isDeletion {
            event.kv.key = row[1]
            event.kv.modRevision = row[0]
        } else {
            event.kv = keyValue(row, from: 0)
        }
        if row[7] as Int64? != nil { event.prevKv = keyValue(row, from: 7) }
        return event
    }
}
