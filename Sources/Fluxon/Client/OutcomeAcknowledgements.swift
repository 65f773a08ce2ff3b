/// Which outcomes the owner may forget (CONSISTENCY T1), until it has surely heard so. Rules only.
///
///     arrived ──▶ untold ──message──▶ told ──an answer to a call of that message or a later one──▶ forgotten
///                   ▲                   │
///                   └── reconnected ────┘      what went with a connection that broke may not have been read
///
/// Telling frees the owner's memory and nothing else, so it rides on the next message.
struct OutcomeAcknowledgements {
    private(set) var untold: [UInt64] = []
    /// Told with messages up to `toldIn`.
    private var told: [UInt64] = []
    private var toldIn: UInt64 = 0
    /// Told with later ones.
    private var toldLater: [UInt64] = []
    private var toldLaterIn: UInt64 = 0

    /// Those that a broken connection would tell again.
    var unproven: Int { told.count + toldLater.count }

    mutating func arrived(_ counter: UInt64) { untold.append(counter) }

    /// The link's messages up to this one have told all of `untold`. No allocation while answers come: arrays change places.
    mutating func toldAll(in message: UInt64) {
        guard !untold.isEmpty else { return }
        if told.isEmpty {
            swap(&told, &untold)
            toldIn = message
        } else {
            toldLater.append(contentsOf: untold)
            toldLaterIn = message
        }
        untold.removeAll(keepingCapacity: true)
    }

    /// The owner has read the messages up to this one.
    mutating func proven(upTo message: UInt64) {
        guard message >= toldIn, !told.isEmpty else { return }
        swap(&told, &toldLater)
        toldLater.removeAll(keepingCapacity: true)
        toldIn = toldLaterIn
    }

    /// Another session knows nothing of these.
    mutating func reconnected(isSameSession: Bool) {
        untold = isSameSession ? told + toldLater + untold : []
        told = []
        toldLater = []
    }
}
