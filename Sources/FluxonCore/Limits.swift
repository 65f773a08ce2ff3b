/// Every limit of the system, in one place. A limit met is a typed error that names it.
package enum Limits {
    /// Longest key in bytes.
    package static let keyBytes = 1024
    /// Bytes of a key that a message shows before it is cut.
    package static let shownKeyBytes = 64
    /// Longest `instance_key` or `cluster_name` in bytes.
    package static let nameBytes = 255
    /// Bytes of an owner's RDMA addresses in a ticket: of as many devices as it may have, 64 bytes each.
    package static let rdmaAddressesBytes = networkDevices * 64
    /// Longest path of a Unix socket in bytes: `sun_path` less its terminator.
    package static let socketPathBytes = 107
    /// Longest attribute line in etcd in bytes.
    package static let attributeBytes = 4096
    /// Terms that etcd remembers, so that an owner that comes back is known (`TermHistory`).
    package static let termHistory = 64
    /// Size of a log file from which on it is put aside, and how many of those are kept.
    package static let logFileBytes = 16 << 20
    package static let logFilesKept = 3
    /// Owners of one cluster: numbers of its roster, those of lost ones too until they are given anew.
    package static let owners = 4096
    /// Lost owners that keep their numbers for the case that they return; beyond these the next new owner gets such a number.
    package static let lostOwners = 256
    /// Members connected to a master: owners and externals.
    package static let members = 1 << 16
    /// Members in one answer to `fluxon members`; the next are asked for.
    package static let membersPage = 1024
    /// Owners in one message of the master's directory; more follow in the next.
    package static let directoryPage = 512
    /// RDMA devices of one owner, with each of their ports: a full list of names fits `attributeBytes`, and machines have sixteen.
    package static let networkDevices = 32
    /// Longest name of an RDMA device in bytes: the kernel's `IB_DEVICE_NAME_MAX` less its terminator.
    package static let deviceNameBytes = 63
    /// Ways to one peer that are told apart: each device, TCP and relays.
    package static let networkPaths = 64
    /// Peers that an owner's answer about its network names, those with the most bytes first; more would bury a person in lines.
    package static let networkPeers = 256
    /// Peers of all owners together in one report, shared among them, so that a large cluster's report fits `rpcMessageBytes`.
    package static let networkReportPeers = 1 << 16
    /// Owners that are asked about their network at a time: each costs the one that gathers a connection.
    package static let networkQuestions = 64
    /// Questions about every owner's network that one owner gathers answers to at a time.
    package static let networkSurveys = 16
    /// Calls that wait at one owner for its settings to be in force; more are answered at once.
    package static let networkWaiters = 64
    /// How long the owner that gathers waits for another's answer about its network, and for the master's: a person waits with it.
    package static let networkQuestionTimeout = Duration.seconds(1)
    /// How long gathering every owner's answer may take; those not heard by then are reported so. Less than a sidecar waits for its owner.
    package static let networkSurveyTimeout = Duration.seconds(3)
    /// How long recording a switch in etcd may take.
    package static let networkChangeTimeout = Duration.seconds(4)
    /// How long a switch of a device waits for its owner's word that it is in force: it takes milliseconds, or something is wrong.
    package static let networkConfirmation = Duration.seconds(2)
    /// Keys in one page of `fluxon kv ls`, and keys that the master looks at for it in one turn: a fraction of a millisecond.
    package static let keysPageEntries = 1024
    package static let keysPageVisits = 4096
    /// Sections of a status.
    package static let statusSections = 256
    /// Figures of a section of a status; of more the last one says how many are left out.
    package static let statusFigures = 256
    /// Longest value of a figure in bytes.
    package static let statusValueBytes = 4096
    /// Unacknowledged messages of a link beyond which its session ends (CONSISTENCY L1).
    package static let linkBacklogMessages = 1 << 18
    /// Messages of a link, or outcomes of a process, that are acknowledged with the next message that goes that way; more are at once.
    package static let acknowledgementDelay = 64
    /// Messages in one frame of a link; more go into the next frame.
    package static let linkFrameMessages = 4096
    /// Entries, and pending commits, in one page of an owner's report.
    package static let reportPageEntries = 2048
    /// Pages of a report that a master has not acknowledged yet; the next waits.
    package static let reportWindowPages = 8
    /// Lookups of one owner that the master has not answered; gets beyond them wait until one is.
    package static let lookups = 1 << 16
    /// Lookups of one key among them; gets that come later share the next.
    package static let lookupsOfKey = 4
    /// What a master does in one turn of its loop of work that concerns many keys, in looks at a key; handling one counts as sixteen. A
    /// millisecond or two: grants and everything else that waits come between.
    package static let masterTurnSteps = 1 << 14
    /// Bytes of owners' frames that a master takes in one turn; a frame that is not small waits for the next. Some ten milliseconds.
    package static let masterTurnBytes = 512 << 10
    /// A frame up to this many bytes never waits: heartbeats, and what lives on beside reports.
    package static let masterSmallFrameBytes = 16 << 10
    /// Owners whose silence a master judges in one turn.
    package static let masterTurnOwners = 256
    /// Roster entries that one transaction writes. etcd takes 128 operations or comparisons in one, and the leader key is among them.
    package static let rosterBatch = 100
    /// What an owner does in one turn of its loop of a report, in looks at a copy's place; handling one counts as eight.
    package static let ownerTurnSteps = 1 << 15
    /// Holders that an answer to a lookup names.
    package static let answeredHolders = 16
    /// Longest text of a refusal in bytes.
    package static let refusalBytes = 1024
    /// Most requests or answers in one message between a process and its owner.
    package static let localFrameElements = 4096
    /// Most extents that one request or answer between a process and its owner names; more go with further ones.
    package static let localExtents = 1024
    /// A message between a process and its owner is sent when it is this long, even within a turn.
    package static let localFrameBytes = 128 << 10
    /// Bytes of answers that one process may leave unread before its connection ends.
    package static let localBacklogBytes = 16 << 20
    /// Bytes of values copied over a process's socket that may wait to be read, each way.
    package static let localCopyWindowBytes = 1 << 20
    /// Sessions of processes at one owner: each store of each process that lives has one.
    package static let localSessions = 1 << 14
    /// Longest piece of a value that is copied over a process's socket, in bytes.
    package static let localPartBytes = 256 << 10
    /// Longest value that a process sends over its socket though it could write into the pool: its first few puts, and while space is
    /// short. Beyond it copying twice costs more than the round trip for a place (decision 0035).
    package static let socketPutBytes = 64 << 10
    /// Small values that a process puts by its socket before it asks for pages of its own.
    package static let socketPuts = 32
    /// Longest text of an error on the wire, in bytes.
    package static let messageTextBytes = 4096
    /// Longest RPC message in bytes, either way.
    package static let rpcMessageBytes = 64 << 20
    /// Largest list of header fields of one RPC, counted as HTTP/2 does: name, value and 32 bytes each.
    package static let rpcHeaderListBytes = 64 << 10
    /// RPCs at work at one time on one connection, as the server allows it.
    package static let rpcConcurrentStreams = 4096
    /// Bytes that one RPC may have queued and unsent; at least one message always fits.
    package static let rpcQueuedBytes = 128 << 20
    /// Bytes that the readers of one connection may leave unread before the connection's own window closes.
    package static let rpcHeldBytes = 64 << 20
    /// HTTP/2 flow-control window of one RPC in bytes.
    package static let rpcStreamWindowBytes = 4 << 20
    /// HTTP/2 flow-control window of a connection in bytes.
    package static let rpcConnectionWindowBytes = 16 << 20
    /// Largest HTTP/2 frame that we take, in bytes.
    package static let rpcFrameBytes = 256 << 10
    /// Calls that begin on one RPC connection in one turn of the loop; the next wait for the next turn, so that others have theirs.
    package static let rpcTurnCalls = 32
    /// Frames of one RPC connection in one turn, and bytes of header fields that are looked at, as HTTP/2 counts them.
    package static let rpcTurnFrames = 1024
    package static let rpcTurnHeaderBytes = 128 << 10
    /// Header fields beyond `rpcHeaderListBytes` refuse their call; a list of this length ends its connection, since each field costs time.
    package static let rpcHeaderWalkBytes = 256 << 10
    /// Frames that ask for work and bring none (PING, PRIORITY, unknown kinds, WINDOW_UPDATE, empty DATA): how many a peer may have sent
    /// beyond what its calls and our answers give reason for, and how many more in each second.
    package static let rpcOddities = 2000
    package static let rpcOdditiesPerSecond = 100
    /// Calls that a peer may have reset beyond those that ended in order, and how many more in each second.
    package static let rpcResets = 8192
    package static let rpcResetsPerSecond = 1000
    /// Frames without DATA that wait for a peer who does not read: answers to its own frames, refusals, status lines.
    package static let rpcQueuedFrames = 1 << 14
    /// Bytes that all RPCs of one connection together may have queued and unsent; at least one message always fits.
    package static let rpcConnectionQueuedBytes = 256 << 20
    /// Bytes of messages that have begun to come on one connection and are not whole, or wait for their call's half-close.
    package static let rpcUnfinishedBytes = 128 << 20
    /// RPC connections of one server; a new one takes the place of the one that was silent longest.
    package static let rpcConnections = 16_384
    /// Connections that a listener takes in one turn.
    package static let rpcTurnConnections = 16
    /// Most operations of one process that its owner works on at a time.
    package static let localOperations = 1 << 16
    /// Most values that an owner has handed over to one process, and requests for memory of one that wait, without its word.
    package static let localHandovers = 1 << 16
    package static let localReservations = 1 << 12
    /// Most outcomes that an owner keeps for one process until they are acknowledged.
    package static let localOutcomes = 1 << 16
    /// Most values of one process that are copied over its socket at a time, each way.
    package static let localCopies = 64
    /// Keys for which an owner remembers which holders did not give their values, for the words of a failure.
    package static let explainedKeys = 1024
    /// Processes that the status of their owner names, the latest ones; more are counted.
    package static let statusProcesses = 64
    /// Bytes that `fluxon kv put` collects of a pipe, whose size is not known beforehand, where the pool is larger than this.
    package static let pipedBytes = 8 << 30
    /// How long an attach handshake may take before the other side gives up.
    package static let attachTimeout = Duration.seconds(5)
    /// How long a call waits that names no deadline of its own.
    package static let defaultCallTimeout = Duration.seconds(30)
    /// How long an owner waits for another's ticket before it asks the next holder.
    package static let ticketDeadline = Duration.seconds(2)
    /// How long one value may take from owner to owner.
    package static let fetchDeadline = Duration.seconds(120)
    /// How long a put or a fetch waits for space that processes and readers may give back.
    package static let spaceWait = Duration.milliseconds(500)
    /// How long an attempt to connect to another owner may take: a network that swallows packets must leave a get time for another way.
    package static let peerConnectTimeout = Duration.seconds(1)
    /// Bytes of a value that pass a relay at a time: enough for the bandwidth, little enough for many askers to share its memory.
    package static let relayPieceBytes = 4 << 20
    /// Pieces of one value under way to one asker: the relay reads the next one while this one is read from it.
    package static let relayPiecesInFlight = 2
    /// Memory of an owner for what it relays, where `network.relay_bytes` says nothing else.
    package static let relayBytes = 64 << 20
    /// Requests that wait at a relay for memory; more are told at once that it is busy.
    package static let relayRequestsWaiting = 4096
    /// How long such a request waits before it is told that the relay is busy.
    package static let relayWait = Duration.seconds(2)
    /// How long a relay may take to read a piece from the holder.
    package static let relayReadDeadline = Duration.seconds(10)
    /// How long an owner waits for a relay's ticket: for its line, for the holder's ticket and for the piece.
    package static let relayTicketDeadline = Duration.seconds(15)
    /// After the word that a relay is busy: the pause before the same piece is asked for again, and how often it is, until the fetch goes on
    /// elsewhere.
    package static let relayBusyPause = Duration.milliseconds(100)
    package static let relayBusyRepetitions = 8
    /// How often the direct way to an owner is tried while values come from it through a relay.
    package static let directAttemptInterval = Duration.seconds(5)
    /// How often an owner that could not be reached is tried while nothing comes from it.
    package static let idleAttemptInterval = Duration.seconds(60)
    /// How long such an attempt may take, beyond connecting.
    package static let directAttemptDeadline = Duration.seconds(2)
}
