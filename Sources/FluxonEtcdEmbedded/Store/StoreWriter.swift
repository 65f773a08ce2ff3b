internal import FluxonEtcd
internal import FoundationEssentials
internal import GRDB

/// Writes of one revision. Lives for one access to the database.
struct StoreWriter {
    private(set) var reader: StoreReader
    /// What was changed so far, in order.
    private(set) var events: [WireEvent] = []

    init(reader: StoreReader) { self.reader = reader }

    private var db: Database { reader.db }

    /// The revision that a reader of this moment sees: the one being written, once something is written.
    var revision: Int64 { reader.revision }

    /// - Returns: What the key held before.
    mutating func put(_ request: WirePutRequest) throws -> WireKeyValue? {
        let previous = try reader.keyValues(.key(Array(request.key))).first
        if (request.ignoreValue || request.ignoreLease) && previous == nil { throw EtcdFault.keyNotFound }
        if request.lease != 0, try reader.leaseTTL(request.lease) == nil { throw EtcdFault.leaseNotFound }
        var new = WireKeyValue()
        new.key = request.key
        new.value = request.ignoreValue ? previous?.value ?? Data() : request.value
        new.lease = request.ignoreLease ? previous?.lease ?? 0 : request.lease
        openRevision()
        new.modRevision = revision
        new.createRevision = previous?.createRevision ?? revision
        new.version = (previous?.version ?? 0) + 1
        try insert(new, isDeletion: false)
        try db.cachedStatement(sql: "INSERT OR REPLACE INTO live VALUES (?, ?, ?)")
            .execute(arguments: [new.key, db.lastInsertedRowID, new.lease])
        var event = WireEvent()
        event.kv = new
        if let previous { event.prevKv = previous }
        events.append(event)
        return previous
    }

    /// - Returns: What was deleted, in the order of keys.
    mutating func delete(_ keys: EtcdKeyRange) throws -> [WireKeyValue] {
        let found = try reader.keyValues(keys)
        for previous in found {
            openRevision()
            var event = WireEvent()
            event.type = .delete
            event.kv.key = previous.key
            event.kv.modRevision = revision
            try insert(event.kv, isDeletion: true)
            try db.cachedStatement(sql: "DELETE FROM live WHERE key = ?").execute(arguments: [previous.key])
            event.prevKv = previous
            events.append(event)
        }
        return found
    }

    func insertLease(_ id: Int64, ttl: Int64) throws {
        try db.cachedStatement(sql: "INSERT INTO lease VALUES (?, ?)").execute(arguments: [id, ttl])
    }

    /// Removes the lease and its keys, all in one revision.
    mutating func removeLease(_ id: Int64) throws {
        for key in try reader.keys(ofLease: id) { _ = try delete(.key(Array(key))) }
        try db.cachedStatement(sql: "DELETE FROM lease WHERE id = ?").execute(arguments: [id])
    }

    /// A deletion *at* the target stays: a watch may begin there.
    func compact(_ target: Int64) throws {
        try db.cachedStatement(
            sql: """
                DELETE FROM history WHERE main <= ?1 AND ((is_deletion AND main < ?1)
                OR EXISTS (SELECT 1 FROM history n WHERE n.key = history.key AND n.main > history.main AND n.main <= ?1))
                """
        ).execute(arguments: [target])
        try db.cachedStatement(sql: "UPDATE meta SET value = ? WHERE name = 'compacted'").execute(arguments: [target])
    }

    private mutating func openRevision() {
        if events.isEmpty { reader.revision += 1 }
    }

    private func insert(_ keyValue: WireKeyValue, isDeletion: Bool) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO history (main, sub, key, create_revision, version, lease, is_deletion, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            keyValue.modRevision, events.count, keyValue.key, keyValue.createRevision, keyValue.version, keyValue.lease, isDeletion,
            keyValue.value,
        ])
    }
}
