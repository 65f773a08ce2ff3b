/// The figures of `fluxon status` as metrics. Which figure is which metric stands here and nowhere else.
package enum StatusMetrics {
    /// How a figure's text becomes a number.
    private enum Reading {
        case number
        /// A duration in milliseconds; the metric is in seconds.
        case milliseconds
        /// 1 where the figure says this, else 0.
        case isText(String)

        func value(of text: String) -> UInt64? {
            switch self {
            case .number, .milliseconds: UInt64(text)
            case .isText(let wanted): text == wanted ? 1 : 0
            }
        }
    }

    private typealias Entry = (figure: String, reading: Reading, family: PrometheusText.Family)

    private static let owner: [Entry] = [
        ("state", .isText("valid"), .init("fluxon_owner_valid", .gauge, "Whether the owner's validity lease holds.")),
        ("linked", .isText("true"), .init("fluxon_owner_linked", .gauge, "Whether the owner is connected to a master.")),
        ("term", .number, .init("fluxon_owner_term", .gauge, "Term of the master that the owner follows.")),
        ("generation", .number, .init("fluxon_owner_generation", .gauge, "Life of the owner, counted in the roster.")),
        (
            "last_failover_ms", .milliseconds,
            .init("fluxon_owner_last_failover_seconds", .gauge, "How long the owner was without a master at the last change of master.")
        ),
        ("pool_bytes", .number, .init("fluxon_owner_pool_bytes", .gauge, "Size of the pool.")),
        ("live_bytes", .number, .init("fluxon_owner_live_bytes", .gauge, "Bytes of the pool that hold values.")),
        ("unassigned_bytes", .number, .init("fluxon_owner_unassigned_bytes", .gauge, "Bytes of the pool that nothing has claimed.")),
        ("own_bytes", .number, .init("fluxon_owner_own_bytes", .gauge, "Bytes of values that the owner's processes put.")),
        ("replica_bytes", .number, .init("fluxon_owner_replica_bytes", .gauge, "Bytes of values fetched from other owners.")),
        ("retired_bytes", .number, .init("fluxon_owner_retired_bytes", .gauge, "Bytes of values that are gone and perhaps still read.")),
        ("unwritten_bytes", .number, .init("fluxon_owner_unwritten_bytes", .gauge, "Bytes that processes have for puts to come.")),
        ("other_bytes", .number, .init("fluxon_owner_other_bytes", .gauge, "Bytes of puts and fetches under way, and of long keys.")),
        ("keys", .number, .init("fluxon_owner_keys", .gauge, "Values published in the pool.")),
        ("retired", .number, .init("fluxon_owner_retired_entries", .gauge, "Values that are gone and still pinned by readers.")),
        ("processes", .number, .init("fluxon_owner_processes", .gauge, "Processes attached to the pool.")),
        ("tickets", .number, .init("fluxon_owner_tickets", .gauge, "Tickets for bulk reads that have not ended.")),
        ("commits", .number, .init("fluxon_owner_commits_total", .counter, "Commits by this owner's processes.")),
        ("misses", .number, .init("fluxon_owner_misses_total", .counter, "Gets that the pool could not answer.")),
        ("fetches", .number, .init("fluxon_owner_fetches_total", .counter, "Values fetched from other owners.")),
        ("fetches_failed", .number, .init("fluxon_owner_failed_fetches_total", .counter, "Fetches that brought no value.")),
        ("relayed_fetches", .number, .init("fluxon_owner_relayed_fetches_total", .counter, "Values that came through another owner.")),
        (
            "relayed_fetch_bytes", .number,
            .init("fluxon_owner_relayed_fetch_bytes_total", .counter, "Bytes of values that came through another owner.")
        ),
        (
            "relayed_pieces", .number,
            .init("fluxon_owner_relayed_pieces_total", .counter, "Pieces of values handed on between other owners.")
        ),
        ("relayed_bytes", .number, .init("fluxon_owner_relayed_bytes_total", .counter, "Bytes handed on between other owners.")),
        ("relay_waiting", .number, .init("fluxon_owner_relay_waiting", .gauge, "Requests of other owners that wait to be relayed.")),
        (
            "relay_held_bytes", .number,
            .init("fluxon_owner_relay_held_bytes", .gauge, "Bytes of the pool that hold what is being handed on.")
        ),
        ("evictions", .number, .init("fluxon_owner_evictions_total", .counter, "Values evicted to make room.")),
    ]

    private static let master: [Entry] = [
        ("state", .isText("leading"), .init("fluxon_master_leading", .gauge, "Whether the master leads and completes commits.")),
        ("term", .number, .init("fluxon_master_term", .gauge, "The master's term.")),
        (
            "opening_ms", .milliseconds,
            .init("fluxon_master_opening_seconds", .gauge, "How long commits waited for owners' inventories after the election.")
        ),
        ("keys", .number, .init("fluxon_master_keys", .gauge, "Keys that the master routes.")),
        ("members", .number, .init("fluxon_master_members", .gauge, "Owners and externals that the master knows.")),
        ("frames_received", .number, .init("fluxon_master_received_frames_total", .counter, "Frames from owners.")),
        ("messages_received", .number, .init("fluxon_master_received_messages_total", .counter, "Messages in the frames from owners.")),
        ("frames_sent", .number, .init("fluxon_master_sent_frames_total", .counter, "Frames to owners.")),
        (
            "unreachable_pairs", .number,
            .init("fluxon_master_unreachable_pairs", .gauge, "Pairs of owners of which one cannot connect to the other.")
        ),
        ("relayed_pairs", .number, .init("fluxon_master_relayed_pairs", .gauge, "Such pairs that another owner relays for.")),
        ("removals", .number, .init("fluxon_master_removals_total", .counter, "Ordered removals that nobody asked for.")),
    ]

    /// Adds the figures of `owner NAME` and `master NAME`; other sections have metrics of their own.
    package static func add(_ status: StatusAnswer, to text: inout PrometheusText) {
        for section in status.sections {
            let words = section.title.split(separator: " ", maxSplits: 1)
            guard words.count == 2, let entries = entries(of: words[0]) else { continue }
            for entry in entries {
                guard let figure = section.figures.first(where: { $0.name == entry.figure }),
                    let value = entry.reading.value(of: figure.value)
                else { continue }
                let labels = [(name: "instance", value: String(words[1]))]
                if case .milliseconds = entry.reading {
                    text.add(entry.family, labels, milliseconds: value)
                } else {
                    text.add(entry.family, labels, value)
                }
            }
        }
    }

    /// Figures with a number that no metric shows: a test holds them to be none.
    package static func unknownFigures(of section: StatusAnswer.Section) -> [String] {
        guard let role = section.title.split(separator: " ").first, let entries = entries(of: role) else { return [] }
        return section.figures.filter { figure in UInt64(figure.value) != nil && !entries.contains { $0.figure == figure.name } }.map(
            \.name)
    }

    private static func entries(of role: Substring) -> [Entry]? {
        switch role {
        case "owner": owner
        case "master": master
        default: nil
        }
    }
}
