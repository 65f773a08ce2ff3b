/// One RDMA READ: where from, where to.
struct ReadPiece: Hashable {
    let localAddress: UInt
    let localKey: UInt32
    let remoteAddress: UInt64
    let remoteKey: UInt32
    let byteCount: Int
    /// Whether none follows.
    let isLast: Bool
}

/// Cuts a read into pieces, in order: none crosses a border of the source's registered memory, of the destination's, or the longest piece.
/// Rules only.
struct ReadPieces {
    private let remote: [RemoteSegment]
    private let local: [MemorySegment]
    private let longest: Int
    private var remoteIndex = 0
    private var remoteOffset: UInt64 = 0
    private var localIndex = 0
    private var localOffset = 0

    /// Both lists hold as many bytes.
    init(from remote: [RemoteSegment], into local: [MemorySegment], longest: Int) {
        self.remote = remote
        self.local = local
        self.longest = longest
    }

    var isEmpty: Bool { remoteIndex == remote.count || localIndex == local.count }

    mutating func next() -> ReadPiece? {
        guard !isEmpty else { return nil }
        let source = remote[remoteIndex]
        let target = local[localIndex]
        let count = min(Int(clamping: source.byteCount - remoteOffset), target.byteCount - localOffset, longest)
        let (localAddress, remoteAddress) = (target.address + UInt(localOffset), source.address + remoteOffset)
        remoteOffset += UInt64(count)
        if remoteOffset == source.byteCount { (remoteIndex, remoteOffset) = (remoteIndex + 1, 0) }
        localOffset += count
        if localOffset == target.byteCount { (localIndex, localOffset) = (localIndex + 1, 0) }
        return ReadPiece(
            localAddress: localAddress, localKey: target.localKey, remoteAddress: remoteAddress, remoteKey: source.key, byteCount: count,
            isLast: isEmpty)
    }
}
