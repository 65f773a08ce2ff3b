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

    /// RDMA: values of at most this many bytes ride on the answer. Default: 4 KiB, one packet of the largest MTU.
    package var smallBytes = 4 << 10
    /// RDMA: longest piece of a read. Default: 1 MiB, so that a read that is given up ends soon, and small ones get their turn.
    package var readPieceBytes = 1 << 20
    /// RDMA: pieces on their way over one connection. Default: 16, which most devices can have outstanding.
    package var readPiecesInFlight = 16
    /// RDMA: requests to one source whose reads have not ended; more wait. Default: 32.
    package var readsPerConnection = 32
    /// Shortest part of a read that goes over several devices at once; shorter reads take one device each, in turns. Default: 4 MiB, at
    /// which a further ticket (a round trip over TCP) costs little beside the time that half of the bytes take.
    package var stripeBytes = 4 << 20
    /// RDMA: how long a read waits for its connection before it takes another path. Default: 500 ms.
    package var connectPatience: Duration = .milliseconds(500)
    /// RDMA: how long an attempt to connect may take, with or without a read that waits for it. Default: 3 s.
    package var connectLimit: Duration = .seconds(3)
    /// RDMA: a packet that was not acknowledged is sent again after 4.096 µs · 2^this (devices take up to four times as long), and
    /// the connection is given up after `packetRetries` of them. Default: 14 and 6, which is half a second; 7 is without end for Soft-RoCE.
    package var acknowledgementExponent: UInt8 = 14
    package var packetRetries: UInt8 = 6
    /// RDMA: how long reads that were given up may take to bring what they have asked for before their connection is closed, and
    /// how long a closed connection's work may take to come back before its queue pair is destroyed. Default: 100 ms and 1 s.
    package var abandonedRead: Duration = .milliseconds(100)
    package var queuePairFlush: Duration = .seconds(1)
    /// RDMA: how long the loop looks for completions of reads on their way before it sleeps until one is reported. Default: not at
    /// all; `busyPollTime` with `network.poll_mode: busy`.
    package var busyPoll: Duration = .zero
    /// RDMA: pauses between attempts to get a lost connection back, while somebody wants it. Default: 100 ms, doubling up to 2 s.
    package var shortestReconnect: Duration = .milliseconds(100)
    package var longestReconnect: Duration = .seconds(2)

    #if FLUXON_PLANTING
    /// nil outside of a test that plants it.
    package var planted: PlantedTransferMistake?
    #endif

    package init() {}

    /// Longer than a piece takes at 100 Gbit/s, shorter than anybody notices an idle owner for.
    package static let busyPollTime = Duration.microseconds(100)

    /// The sizes of a chunk that the wire allows.
    package static let chunkRange = 4 << 10...1 << 20
}
