import ArgumentParser
import FluxonCore

/// `fluxon status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the cluster, the process attached to, its owner and its master fare.",
        discussion: """
            First whether all is well, or what is not; exit 1 where something is not. Then the figures of each.

            Owner. state: valid while it holds a lease from the master, which lets it answer gets by itself. problem: what is in the way of \
            that. term: counts the masters that led. generation: counts this owner's starts. linked: connected to the master. \
            last_failover_ms: how long it was without a master at the last change of master. pool_bytes: what it lends. live_bytes: what \
            values take of it. unassigned_bytes: what no value and no process has claimed. retired: values that are gone and still read by \
            somebody. processes: attached to the pool. tickets: leaves to read from it that other owners hold. misses: gets that the pool \
            could not answer. fetches: values that came from other owners. evictions: values dropped to make room. relay…: what passes \
            through it between owners that cannot reach each other.

            Processes. Each session of one: its name (`Store.Options.name`), number and user, and what it holds of the pool.

            Master. state: leading; collecting inventories (it hears from the owners what they hold, puts wait); paused (etcd does not \
            confirm that it leads); standing by. opening_ms: how long collecting took after its election. removals: keys that are gone \
            with their last copy, by eviction or with a lost owner.
            """)

    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        let answer = try await control.status()
        // Without a master nobody knows; then the figures say so.
        let summary = StatusSummary(answer, try? await control.members())
        if attach.json { Terminal.line(Self.json(summary, answer).text()) } else { Self.show(summary, answer) }
        if !summary.isHealthy { throw ExitCode(1) }
    }

    private static func show(_ summary: StatusSummary, _ answer: StatusAnswer) {
        Terminal.line(Terminal.bold(summary.isHealthy ? "healthy" : "not healthy"))
        for problem in summary.problems { Terminal.line("  \(problem)") }
        if let pool = summary.pool { Terminal.line("pool     \(pool)") }
        if let members = summary.members { Terminal.line("members  \(members)") }
        for section in answer.sections {
            Terminal.line("")
            Terminal.line(Terminal.bold(section.title))
            let width = section.figures.map(\.name.count).max() ?? 0
            for figure in section.figures {
                Terminal.line("  \(figure.name)\(String(repeating: " ", count: width - figure.name.count + 2))\(figure.value)")
            }
        }
    }

    private static func json(_ summary: StatusSummary, _ answer: StatusAnswer) -> JSONValue {
        let health = JSONValue.object([
            ("healthy", .bool(summary.isHealthy)), ("problems", .array(summary.problems.map { .string($0) })),
        ])
        let sections = answer.sections.map { section in
            (name: section.title, value: JSONValue.object(section.figures.map { ($0.name, value($0.value)) }))
        }
        return .object([("health", health)] + sections)
    }

    /// Whole numbers and truth values as such, all else as text.
    private static func value(_ text: String) -> JSONValue {
        UInt64(text).map { .unsigned($0) } ?? Bool(text).map { .bool($0) } ?? .string(text)
    }
}
