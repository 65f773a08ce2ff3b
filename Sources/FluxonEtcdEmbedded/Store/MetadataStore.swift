package import FluxonEtcd
private import FoundationEssentials
internal import FluxonSystem
internal import GRDB

/// Keys with their history in a SQLite file: etcd's revisions, compaction and transactions for one machine.
///
/// Calls between `commit`s form one SQLite transaction, so that many writers share one flush to disk; what a call returned may be told to
/// anybody only after `commit` returned. Not safe for concurrent use: one thread at a time.
package final class MetadataStore {
    /// What one revision changed.
    package struct Revision: Sendable {
        package let number: Int64
        /// With `prevKv` set where the key existed.
        package let events: [WireEvent]

        package init(number: Int64, events: [WireEvent]) {
            self.number = number
            self.events = events
        }
    }

    package let path: String
    package let clusterID: UInt64
    package let memberID: UInt64
    /// The newest revision, uncommitted ones included. A new store is at 1.
    package private(set) var revision: Int64
    package private(set) var compactedRevision: Int64

    private let queue: DatabaseQueue
    private var isInTransaction = false
    private var uncommitted: [Revision] = []
    private var failure: MetadataStoreError?

    /// Opens the file, makes it if it is missing, and locks it against other processes.
    package init(path: String) throws(MetadataStoreError) {
        self.path = path
        // SQLite would give it what the umask leaves; its journal gets what the file has. One that is there, or cannot be made, is its matter.
        if path.hasPrefix("/") { _ = try? File.open(path, .createNew) }
        do {
            queue = try DatabaseQueue(path: path, configuration: MetadataSchema.configuration())
            let meta = try queue.write { db in
                try MetadataSchema.prepare(db, path: path)
                let rows = try Row.fetchAll(db, sql: "SELECT name, value FROM meta")
                return Dictionary(rows.map { ($0["name"] as String, $0["value"] as Int64) }) { first, _ in first }
            }
            revision = meta["revision"] ?? 1
            compactedRevision = meta["compacted"] ?? 0
            clusterID = UInt64(bitPattern: meta["cluster"] ?? 1)
            memberID = UInt64(bitPattern: meta["member"] ?? 1)
        } catch let error as MetadataStoreError {
            throw error
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED {
            throw .inUse(path: path)
        } catch {
            throw .cannotOpen(path: path, reason: "\(error)")
        }
    }

    /// Whether calls since the last `commit` wrote something.
    package var hasUncommittedWrites: Bool { isInTransaction }

    /// Makes everything since the last `commit` durable.
    ///
    /// - Returns: The revisions that became so, oldest first.
    package func commit() throws -> [Revision] {
        guard isInTransaction else { return [] }
        try access { db in
            if !uncommitted.isEmpty {
                try db.cachedStatement(sql: "UPDATE meta SET value = ? WHERE name = 'revision'").execute(arguments: [revision])
            }
            try db.commit()
        }
        isInTransaction = false
        defer { uncommitted = [] }
        return uncommitted
    }

    /// Gives the file and its lock back; every later call is refused. What was not committed is gone.
    package func close() {
        failure = failure ?? .storageFailed(path: path, reason: "it was closed")
        // GRDB refuses only while a statement runs, and none outlives a call of this type.
        try? queue.close()
    }

    /// Runs `body` outside a transaction, or in the one that is open.
    func read<R>(_ body: (StoreReader) throws -> R) throws -> R {
        try access { db in try body(StoreReader(db: db, revision: revision, compactedRevision: compactedRevision)) }
    }

    /// Runs `body` in the open transaction, with the next revision to write in. `body` may throw an `EtcdFault` only before its first write.
    func write<R>(_ body: (inout StoreWriter) throws -> R) throws -> R {
        try access { db in
            if !isInTransaction {
                try db.beginTransaction(.immediate)
                isInTransaction = true
            }
            var writer = StoreWriter(reader: StoreReader(db: db, revision: revision, compactedRevision: compactedRevision))
            let result = try body(&writer)
            if !writer.events.isEmpty {
                revision = writer.revision
                uncommitted.append(Revision(number: revision, events: writer.events))
            }
            return result
        }
    }

    /// Forgets the history before `revision`, and what was deleted before it.
    ///
    /// - Throws: `EtcdFault.compacted`, `.futureRevision`.
    package func compact(_ target: Int64) throws {
        guard target > compactedRevision else { throw EtcdFault.compacted }
        guard target <= revision else { throw EtcdFault.futureRevision }
        try write { writer in try writer.compact(target) }
        compactedRevision = target
    }

    private func access<R>(_ body: (Database) throws -> R) throws -> R {
        if let failure { throw failure }
        do {
            return try queue.inDatabase(body)
        } catch let fault as EtcdFault {
            throw fault
        } catch {
            // SQLite may or may not have taken part of the transaction back: only a restart tells.
            let failed = MetadataStoreError.storageFailed(path: path, reason: "\(error)")
            failure = failed
            throw failed
        }
    }
}
