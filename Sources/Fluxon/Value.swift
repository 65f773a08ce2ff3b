public import FluxonCore
internal import FluxonPool

/// The bytes of one version of a key. They stay readable and unchanged while this object lives, whatever happens to the key or to the
/// owner; letting go of it lets the pool reuse them.
public final class Value: Sendable {
    /// The place of a value in the history of its key. Later versions of one key compare greater.
    public struct Version: Hashable, Sendable, Comparable, CustomStringConvertible {
        let version: FluxonCore.Version

        init(_ version: FluxonCore.Version) { self.version = version }
        public var description: String { version.description }
        public static func < (left: Version, right: Version) -> Bool { left.version < right.version }
    }

    /// Pins the bytes in the shared pool; nil for a value that was copied into `buffer`.
    private let pin: PinnedView?
    private let buffer: CopiedBytes?

    init(_ pin: consuming PinnedView) {
        self.pin = consume pin
        buffer = nil
    }

    init(_ buffer: CopiedBytes) {
        pin = nil
        self.buffer = buffer
    }

    /// Size in bytes; zero in a forked child, where nothing can be read.
    public var count: Int { bytes.count }

    /// False in a process that was forked from the one that got this value: the shared memory is not mapped there.
    public var isReadable: Bool {
        switch pin {
        case .some(let pin): pin.isUsable
        case .none: true
        }
    }

    /// Which version of its key this is: for `Condition.version`.
    public var version: Version {
        switch pin {
        case .some(let pin): Version(pin.version)
        case .none: Version(buffer?.version ?? FluxonCore.Version(term: 0, sequence: 0))
        }
    }

    /// Lends the bytes where they are, 64-byte aligned. In a forked child there are none.
    public func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        // The pin must outlive the body, not only the last use of `self` in it.
        defer { withExtendedLifetime(self) {} }
        return try body(bytes.bytes)
    }

    /// A copy of the bytes.
    ///
    /// - Throws: `.closed` in a forked child.
    public func copyBytes() throws(FluxonError) -> [UInt8] {
        guard isReadable else {
            throw FluxonError(
                .closed, "this value belongs to the parent process: shared memory is not inherited by fork; connect a new store")
        }
        defer { withExtendedLifetime(self) {} }
        return Array(bytes)
    }

    // SAFETY: valid while `self` lives, which each caller ensures by not letting the pointer out.
    private var bytes: UnsafeRawBufferPointer {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        switch pin {
        case .some(let pin): return pin.isUsable ? pin.bytes : nothing
        case .none: return buffer?.bytes ?? nothing
        }
    }
}

/// Bytes that the owner copied over the socket, for a process that maps nothing.
final class CopiedBytes: @unchecked Sendable {
    // SAFETY: written by the connection alone, before the value is given out; immutable from then on.
    private let memory: CopyBuffer
    let version: FluxonCore.Version
    private var filled = 0

    /// Nil when there is no memory for it.
    init?(byteCount: Int, version: FluxonCore.Version) {
        guard let memory = CopyBuffer(byteCount: byteCount) else { return nil }
        self.memory = memory
        self.version = version
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory.bytes) }
    var isComplete: Bool { filled == memory.bytes.count }

    /// False for a part that does not follow the last one.
    func append(_ part: LocalAnswer.Part) -> Bool {
        let all = memory.bytes
        guard part.offset == filled, part.length == all.count, part.version == version, part.bytes.count <= all.count - filled else {
            return false
        }
        UnsafeMutableRawBufferPointer(rebasing: all[filled...]).copyBytes(from: part.bytes)
        filled += part.bytes.count
        return true
    }
}
