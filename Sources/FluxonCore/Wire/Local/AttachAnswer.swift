/// What an owner answers to an `AttachRequest`; descriptors ride with its first byte. After an answer with `code` zero the socket speaks HTTP/2.
///
/// Fixed places, little-endian: magic 0, length 4, protocol version 8, error code 12, grants 16, descriptors 20, session 24,
/// generation 32, epoch 40, clock 48, pool bytes 56, pin words 64, cluster name 80, owner 340, message 600 (2 + 400 bytes).
package struct AttachAnswer: Hashable, Sendable {
    package static let byteCount = 1008
    package static let messageBytes = 400

    package struct Grants: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The pool may be mapped for reading; its descriptors came along.
        package static let mapping = Grants(rawValue: 1)
        /// Granted spans may be mapped for writing.
        package static let writing = Grants(rawValue: 2)
        /// The session that was asked for goes on: its tokens are known (CONSISTENCY T1).
        package static let resumed = Grants(rawValue: 4)
        /// A sidecar answers: the first descriptor is a connection to the owner, already attached.
        package static let forwarded = Grants(rawValue: 8)
    }

    package var version: UInt32 = UInt32(ProtocolVersion.current)
    /// `FluxonError.Code` of a refusal, zero when attached.
    package var code: UInt16 = 0
    package var grants: Grants = []
    /// How many descriptors come along.
    package var descriptorCount: UInt32 = 0
    package var session: UInt64 = 0
    package var generation: UInt64 = 0
    package var epoch: UInt64 = 0
    /// The owner's `CLOCK_BOOTTIME` while it answered. Only a process for which it lies between two readings of its own may use its
    /// own clock with this pool (CONSISTENCY §1).
    package var clock: BootInstant = .zero
    package var poolByteCount: UInt64 = 0
    /// How many pin words the process may use (CONSISTENCY P7).
    package var pinWords: UInt64 = 0
    package var clusterName = ""
    package var ownerName = ""
    /// Why it was refused and what to do.
    package var message = ""

    package init() {}

    package init(refusing error: FluxonError, clusterName: String, ownerName: String) {
        code = error.code.rawValue
        message = error.message
        self.clusterName = clusterName
        self.ownerName = ownerName
    }

    /// The refusal as an error, or nil when attached.
    package var refusal: FluxonError? {
        code == 0 ? nil : FluxonError(FluxonError.Code(rawValue: code), message)
    }
}

extension AttachAnswer {
    package func encoded() -> [UInt8] {
        var fields = FixedBytes(AttachRequest.magic + [UInt8](repeating: 0, count: Self.byteCount - AttachRequest.magic.count))
        fields.store(UInt32(Self.byteCount), at: 4)
        fields.store(version, at: 8)
        fields.store(code, at: 12)
        fields.store(grants.rawValue, at: 16)
        fields.store(descriptorCount, at: 20)
        fields.store(session, at: 24)
        fields.store(generation, at: 32)
        fields.store(epoch, at: 40)
        fields.store(clock.nanoseconds, at: 48)
        fields.store(poolByteCount, at: 56)
        fields.store(pinWords, at: 64)
        fields.store(clusterName, at: 80, capacity: Limits.nameBytes)
        fields.store(ownerName, at: 340, capacity: Limits.nameBytes)
        fields.store(message, at: 600, capacity: Self.messageBytes)
        return fields.bytes
    }

    /// - Throws: `.malformed` with what is wrong.
    package init(decoding bytes: [UInt8]) throws(AttachError) {
        let fields = FixedBytes(bytes)
        guard bytes.starts(with: AttachRequest.magic) else { throw .malformed("no FXA1 at its start") }
        guard bytes.count >= Self.byteCount else { throw .malformed("\(bytes.count) bytes instead of at least \(Self.byteCount)") }
        guard let clusterName = fields.text(80, capacity: Limits.nameBytes), let ownerName = fields.text(340, capacity: Limits.nameBytes),
            let message = fields.text(600, capacity: Self.messageBytes)
        else { throw .malformed("a text that is too long or not UTF-8") }
        version = fields.load(8)
        code = fields.load(12)
        grants = Grants(rawValue: fields.load(16))
        descriptorCount = fields.load(20)
        session = fields.load(24)
        generation = fields.load(32)
        epoch = fields.load(40)
        clock = BootInstant(nanoseconds: fields.load(48))
        poolByteCount = fields.load(56)
        pinWords = fields.load(64)
        self.clusterName = clusterName
        self.ownerName = ownerName
        self.message = message
    }
}
