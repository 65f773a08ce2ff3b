/// What an owner tells a process. `id` is that of the request, zero for what nobody asked.
package struct LocalAnswer: Hashable, Sendable {
    package var id: UInt64
    package var body: Body

    package init(id: UInt64, body: Body) {
        self.id = id
        self.body = body
    }

    package enum Body: Hashable, Sendable {
        case granted(Grant)
        case outcome(Outcome)
        /// Pin this entry, then confirm; till then the owner keeps the value.
        case handover(Handover)
        /// A piece of a value for a process that maps nothing, in order; the last one ends at the value's length.
        case part(Part)
        /// The key shows nothing.
        case absent
        case described(length: UInt64, version: Version)
        case failed(code: UInt16, message: String)
        /// Unmap what of these spans is free, and say so (`unmapped`): others need the room.
        case recall([LocalExtent])
        /// The process may use this many pin words from now on (CONSISTENCY P7).
        case pinWords(UInt64)
    }

    /// Extents to write into, and the spans that they lie in where these were not granted before.
    package struct Grant: Hashable, Sendable {
        package var extents: [LocalExtent]
        /// Map these for writing, first.
        package var spans: [LocalExtent]

        package init(extents: [LocalExtent] = [], spans: [LocalExtent] = []) {
            self.extents = extents
            self.spans = spans
        }

        package var isEmpty: Bool { extents.isEmpty && spans.isEmpty }
    }

    package struct Outcome: Hashable, Sendable {
        package var counter: UInt64
        package var result: Result
        /// Another extent of the class that the operation used up, so that a steady stream of puts asks for none.
        package var refill: Grant

        package init(counter: UInt64, result: Result, refill: Grant = Grant()) {
            self.counter = counter
            self.result = result
            self.refill = refill
        }

        package enum Result: Hashable, Sendable {
            case committed(Version)
            /// What the key shows instead; nil: nothing.
            case conditionFailed(Version?)
            case failed(code: UInt16, message: String)
        }
    }

    package struct Handover: Hashable, Sendable {
        package var entry: UInt64
        package var entryGeneration: UInt64
        package var epoch: UInt64
        package var extent: LocalExtent
        package var length: UInt64
        package var version: Version

        package init(entry: UInt64, entryGeneration: UInt64, epoch: UInt64, extent: LocalExtent, length: UInt64, version: Version) {
            self.entry = entry
            self.entryGeneration = entryGeneration
            self.epoch = epoch
            self.extent = extent
            self.length = length
            self.version = version
        }
    }

    package struct Part: Hashable, Sendable {
        package var version: Version
        /// Of the whole value.
        package var length: UInt64
        package var offset: UInt64
        package var bytes: [UInt8]

        package init(version: Version, length: UInt64, offset: UInt64, bytes: [UInt8]) {
            self.version = version
            self.length = length
            self.offset = offset
            self.bytes = bytes
        }
    }
}

/// One message from an owner: every answer of one turn of its loop.
package struct LocalAnswerFrame: Hashable, Sendable {
    package var answers: [LocalAnswer]

    package init(answers: [LocalAnswer] = []) { self.answers = answers }
}
