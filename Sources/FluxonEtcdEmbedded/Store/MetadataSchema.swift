internal import GRDB

/// The tables of the embedded metadata.
///
///     history   every change since the last compaction: one row per (revision, key)
///     live      the newest row of each key that exists
///     lease     the leases, with the time they were granted for; their deadlines are not stored
///     meta      revision, compacted revision, cluster and member id
enum MetadataSchema {
    /// "Flux": marks the file as ours (`PRAGMA application_id`).
    static let applicationID: Int64 = 0x466C_7578
    static let version: Int64 = 1

    private static let statements = """
        CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE history (
            id INTEGER PRIMARY KEY,
            main INTEGER NOT NULL,
            sub INTEGER NOT NULL,
            key BLOB NOT NULL,
            create_revision INTEGER NOT NULL,
            version INTEGER NOT NULL,
            lease INTEGER NOT NULL,
            is_deletion INTEGER NOT NULL,
            value BLOB NOT NULL
        );
        CREATE UNIQUE INDEX history_by_revision ON history (main, sub);
        CREATE UNIQUE INDEX history_by_key ON history (key, main);
        CREATE TABLE live (key BLOB PRIMARY KEY, history INTEGER NOT NULL, lease INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX live_by_lease ON live (lease, key) WHERE lease <> 0;
        CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);
        INSERT INTO meta VALUES ('revision', 1), ('compacted', 0);
        """

    /// Makes the tables in an empty file, or checks that they are there.
    static func prepare(_ db: Database, path: String) throws {
        let tables = try Int64.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        let application = try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let found = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        if tables == 0 && application == 0 {
            try db.execute(sql: statements)
            var random = SystemRandomNumberGenerator()
            for name in ["cluster", "member"] {
                try db.execute(sql: "INSERT INTO meta VALUES (?, ?)", arguments: [name, Int64(random.next() >> 1)])
            }
            try db.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
        } else if application != applicationID {
            throw MetadataStoreError.foreignFile(path: path, applicationID: application)
        } else if found != version {
            throw MetadataStoreError.newerSchema(path: path, found: found, known: version)
        }
    }

    /// Durable at every commit, also against a loss of power, and of one process only.
    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        configuration.busyMode = .immediateError
        configuration.prepareDatabase { db in
            // The exclusive lock comes first: then the write-ahead index needs no shared memory, and a second process is refused.
            try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
            try db.execute(sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        return configuration
    }
}
