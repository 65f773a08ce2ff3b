/// The first bytes of a process on the Unix socket of an owner or a sidecar. Whoever sends other first bytes speaks plain gRPC.
///
/// Fixed places, little-endian: magic 0, length 4, protocol version 8, wishes 12, resumed session 16, its generation 24,
/// cluster name 32 (2 + 255 bytes), process name 292 (2 + 255 bytes). A newer version may append: the length says where the handshake ends.
package struct AttachRequest: Hashable, Sendable {
    /// `FXA1`.
    package static let magic: [UInt8] = [0x46, 0x58, 0x41, 0x31]
    package static let byteCount = 576
    /// Magic and length: what a receiver reads before it knows how much will come.
    package static let prefixByteCount = 8
    /// The longest handshake that is read at all, in bytes.
    package static let byteCountLimit = 4096

    package struct Wishes: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Map the pool. Without it every value is copied over the socket.
        package static let mapping = Wishes(rawValue: 1)
        /// Write into the pool in place.
        package static let writing = Wishes(rawValue: 2)
        /// A sidecar asks for the process whose pidfd comes with the request (CONSISTENCY P8).
        package static let onBehalf = Wishes(rawValue: 4)
    }

    package var version: UInt32
    package var wishes: Wishes
    /// The session at this owner that a process returns to after its connection broke (CONSISTENCY T1); zero for a new one.
    package var resumedSession: UInt64
    /// The owner's life in which that session was made: tokens end with it.
    package var resumedGeneration: UInt64
    /// Empty when the process takes whatever cluster it finds.
    package var clusterName: String
    /// How the process calls itself, for `status`; free text.
    package var processName: String

    package init(
        version: UInt32 = UInt32(ProtocolVersion.current), wishes: Wishes, resumedSession: UInt64 = 0, resumedGeneration: UInt64 = 0,
        clusterName: String, processName: String
    ) {
        self.version = version
        self.wishes = wishes
        self.resumedSession = resumedSession
        self.resumedGeneration = resumedGeneration
        self.clusterName = clusterName
        self.processName = processName
    }
}

extension AttachRequest {
    package func encoded() -> [UInt8] {
        var fields = FixedBytes(Self.magic + [UInt8](repeating: 0, count: Self.byteCount - Self.magic.count))
        fields.store(UInt32(Self.byteCount), at: 4)
        fields.store(version, at: 8)
        fields.store(wishes.rawValue, at: 12)
        fields.store(resumedSession, at: 16)
        fields.store(resumedGeneration, at: 24)
        fields.store(clusterName, at: 32, capacity: Limits.nameBytes)
        fields.store(processName, at: 292, capacity: Limits.nameBytes)
        return fields.bytes
    }

    /// - Throws: `.malformed` with what is wrong. The version is not judged here: the answer names both.
    package init(decoding bytes: [UInt8]) throws(AttachError) {
        let fields = FixedBytes(bytes)
        guard bytes.starts(with: Self.magic) else { throw .malformed("no FXA1 at its start") }
        guard bytes.count >= Self.byteCount else { throw .malformed("\(bytes.count) bytes instead of at least \(Self.byteCount)") }
        guard let clusterName = fields.text(32, capacity: Limits.nameBytes), let processName = fields.text(292, capacity: Limits.nameBytes)
        else { throw .malformed("a name longer than \(Limits.nameBytes) bytes, or not UTF-8") }
        self.init(
            version: fields.load(8), wishes: Wishes(rawValue: fields.load(12)), resumedSession: fields.load(16),
            resumedGeneration: fields.load(24), clusterName: clusterName, processName: processName)
    }

    /// How many bytes the handshake that starts with `prefix` has.
    ///
    /// - Throws: `.malformed` when these are not the first bytes of a handshake, or its length is absurd.
    package static func announcedByteCount(of prefix: [UInt8], magic: [UInt8] = magic) throws(AttachError) -> Int {
        guard prefix.count >= prefixByteCount, prefix.starts(with: magic) else { throw .malformed("no FXA1 at its start") }
        let announced = Int(FixedBytes(prefix).load(4, as: UInt32.self))
        guard announced >= prefixByteCount, announced <= byteCountLimit else {
            throw .malformed("a length of \(announced) bytes, allowed are \(prefixByteCount)...\(byteCountLimit)")
        }
        return announced
    }
}

package enum AttachError: Error, Hashable {
    /// The other side's handshake is not one; what is wrong with it.
    case malformed(String)
}
