internal import FluxonCore

/// Sizes and times of bulk transfers. None of them carries safety: they bound memory, waiting and what one peer can take.
package struct TransferLimits: Sendable, Hashable {
    /// Bytes under one checksum, a power of two from 4 KiB to 1 MiB. Default: 64 KiB, so that a chunk is in the cache still when
    /// it is copied after its checksum was taken, or the other way round: with 128 KiB the source burns a fifth more of a core.
    package var chunkBytes = 64 << 10
    /// Most bytes that one transfer moves in one turn of the loop. Default: 512 KiB, about 0.1 ms.
    package var bytesPerTurn = 512 << 10
    /// A reader of a big range is woken when this much waits for it. Default: 512 KiB. With a wake-up per packet (64 KiB), and
    /// sends of a chunk each, 16 MiB over loopback take twice as long, 0.29 s of a core per GB at the reader and 0.49 at the source
    /// instead of 0.19 and 0.26.
    package var bytesPerWake = 512 << 10
    /// Most connections to one peer; each carries one transfer at a time. Default: 8.
    package var connectionsPerPeer = 8
    /// Most transfers that wait for a connection to one peer. Default: 4096.
    package var waitingPerPeer = 4096
    /// A connection without use is closed after this. Default: 60 s.
    package var idleConnection: Duration = .seconds(60)
    /// An attempt to connect to a peer ends after this. Default: `Limits.peerConnectTimeout`.
    package var connect: Duration = Limits.peerConnectTimeout
    /// A path that moves no byte for this long has failed; the transfer goes on elsewhere. Default: 5 s.
    package var stall: Duration = .seconds(5)
    /// Most connections that the serving side accepts. Default: 1024.
    package var acceptedConnections = 1024
    /// Most tickets that one asker may hold. Default: 8192.
    package var ticketsPerAsker = 8192
    /// A ticket that nobody redeemed is taken back after this. Default: 30 s.
    package var unusedTicket: Duration = .seconds(30)

    #if FLUXON_PLANTING
    /// nil outside of a test that plants it.
    package var planted: PlantedTransferMistake?
    #endif

    package init() {}

    /// The sizes of a chunk that the wire allows.
    package static let chunkRange = 4 << 10...1 << 20
}
