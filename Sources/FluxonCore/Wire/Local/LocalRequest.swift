/// What a process asks of its owner. `id` is the process's own and comes back with each answer; it is never zero for a request that has one.
package struct LocalRequest: Hashable, Sendable {
    package var id: UInt64
    /// How long the caller still waits, in microseconds; zero for requests that have no answer.
    package var timeoutMicroseconds: UInt64
    package var body: Body

    package init(id: UInt64, timeoutMicroseconds: UInt64 = 0, body: Body) {
        self.id = id
        self.timeoutMicroseconds = timeoutMicroseconds
        self.body = body
    }

    package enum Body: Hashable, Sendable {
        /// Extents of at least `byteCount` bytes each to write into. Answer: `granted`, with one at least; with none where a value of at most
        /// `Limits.socketPutBytes` is to come by `upload`.
        case reserve(byteCount: UInt64, count: UInt64)
        /// Publish what was written. Answer: `outcome`.
        case commit(Commit)
        /// Take a value away. Answer: `outcome`.
        case remove(Remove)
        /// A local miss. Answer: `handover`, `part`s, `absent` or `failed`.
        case get(Get)
        /// Version and length without the bytes. Answer: `described`, `absent` or `failed`.
        case inspect(key: [UInt8])
        /// The process pinned what was handed over to the request of this id, or could not with the pin words that it knows of. No answer.
        case confirm(pinned: Bool, pinWords: UInt64)
        /// The caller of the request of this id has gone. No answer: what was sent goes on.
        case cancel
        /// Granted extents that will not be written. No answer.
        case giveBack([LocalExtent])
        /// These spans are no longer mapped for writing (CONSISTENCY F1). No answer.
        case unmapped([LocalExtent])
        /// A piece of a value of a process that maps nothing or puts little; the last one commits. Answer to the last: `outcome`.
        case upload(Upload)
        /// The process is done with this session: nothing is mapped, nothing is pinned. No answer.
        case leave
    }

    package struct Commit: Hashable, Sendable {
        /// Of the process; with its session the operation's token (CONSISTENCY T1).
        package var counter: UInt64
        package var key: [UInt8]
        package var extent: LocalExtent
        package var length: UInt64
        package var condition: CommitCondition

        package init(counter: UInt64, key: [UInt8], extent: LocalExtent, length: UInt64, condition: CommitCondition) {
            self.counter = counter
            self.key = key
            self.extent = extent
            self.length = length
            self.condition = condition
        }
    }

    package struct Remove: Hashable, Sendable {
        package var counter: UInt64
        package var key: [UInt8]
        package var condition: CommitCondition

        package init(counter: UInt64, key: [UInt8], condition: CommitCondition) {
            self.counter = counter
            self.key = key
            self.condition = condition
        }
    }

    package struct Get: Hashable, Sendable {
        package var key: [UInt8]
        /// The owner's copy will do, current or not.
        package var isLocal: Bool
        /// Send the bytes: this process maps nothing.
        package var isCopied: Bool

        package init(key: [UInt8], isLocal: Bool, isCopied: Bool) {
            self.key = key
            self.isLocal = isLocal
            self.isCopied = isCopied
        }
    }

    package struct Upload: Hashable, Sendable {
        package var counter: UInt64
        /// In the first piece, empty in the others.
        package var key: [UInt8]
        /// Of the whole value; in every piece.
        package var length: UInt64
        package var offset: UInt64
        package var bytes: [UInt8]
        package var condition: CommitCondition

        package init(counter: UInt64, key: [UInt8], length: UInt64, offset: UInt64, bytes: [UInt8], condition: CommitCondition) {
            self.counter = counter
            self.key = key
            self.length = length
            self.offset = offset
            self.bytes = bytes
            self.condition = condition
        }
    }
}

/// One message from a process: everything that its threads asked since the last one.
package struct LocalRequestFrame: Hashable, Sendable {
    /// Counters of operations whose outcome arrived; the owner forgets these (CONSISTENCY T1).
    package var received: [UInt64]
    package var requests: [LocalRequest]

    package init(received: [UInt64] = [], requests: [LocalRequest] = []) {
        self.received = received
        self.requests = requests
    }
}
