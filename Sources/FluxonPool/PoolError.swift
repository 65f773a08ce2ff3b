/// What can go wrong in a pool, with the numbers.
package enum PoolError: Error, Equatable, Sendable {
    /// No free run of this many bytes for this tenant. Evict, then ask again.
    case exhausted(byteCount: Int)
    /// The value can never fit the pool.
    case tooLarge(byteCount: Int, capacity: Int)
    /// No free entry, and the entry table cannot grow. Evict, then ask again.
    case entriesExhausted(limit: Int)
    /// The extent is not live, or belongs to another tenant (CONSISTENCY F2).
    case notYourExtent(offset: UInt64)
    /// The value is longer than its extent.
    case lengthExceedsExtent(length: UInt64, capacity: UInt64)
    /// Already a published entry of this key (CONSISTENCY P2): retire it first.
    case alreadyPublished
    /// The process is not attached, or its id is taken.
    case unknownProcess(UInt64)
    /// A process asked for more pins than one process may hold.
    case pinLimit(limit: Int)
    /// The mapped file is not a pool that this version can read. The text says what was found.
    case damaged(String)
    /// The file system, /dev/shm or the cgroup has no room. Complete message with the numbers and the fix.
    case noRoom(String)
    /// Another live owner holds this folder's pool. Complete message.
    case inUse(String)
    /// The kernel refused a call. Complete message.
    case system(String)
}

extension PoolError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .exhausted(let bytes): "no free run of \(bytes) bytes in the pool"
        case .tooLarge(let bytes, let capacity): "a value of \(bytes) bytes does not fit a pool of \(capacity) bytes"
        case .entriesExhausted(let limit): "all \(limit) entries of the pool are taken"
        case .notYourExtent(let offset): "the extent at \(offset) is not live, or another process's"
        case .lengthExceedsExtent(let length, let capacity): "\(length) bytes in an extent of \(capacity)"
        case .alreadyPublished: "the key has a published entry already"
        case .unknownProcess(let process): "process \(process) is not attached"
        case .pinLimit(let limit): "one process may hold at most \(limit) values"
        case .damaged(let message), .noRoom(let message), .inUse(let message), .system(let message): message
        }
    }
}
