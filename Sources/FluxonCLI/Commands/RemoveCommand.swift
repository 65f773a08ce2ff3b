import ArgumentParser
import Fluxon
import FluxonCore

/// `fluxon kv rm`
struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove a value, or all whose keys begin with something. Exit 3 when there is none.",
        discussion: """
            With --prefix keys are listed page by page, as `fluxon kv ls` does, and removed one by one: a key that is put meanwhile may stay.
            """)

    @Argument(help: "The value's name: 1 to \(Limits.keyBytes) bytes.")
    var key: String?

    @Option(help: ArgumentHelp("Remove every key that begins with this, in the whole cluster.", valueName: "text"))
    var prefix: String?

    @OptionGroup var attach: AttachOptions

    /// Removals under way at a time.
    private static let inFlight = 64

    func validate() throws {
        switch (key, prefix) {
        case (let key?, nil): try KeyArgument.check(CommandLineBytes.typed(key))
        case (nil, let prefix?):
            if prefix.isEmpty { throw ValidationError("--prefix '': that would be every key of the cluster; name at least one byte") }
            try KeyListing.checkPrefix(prefix)
        default: throw ValidationError("give a key or --prefix, one of them")
        }
    }

    func run() async throws {
        let store = try await attach.connect(as: "fluxon kv rm")
        if let key {
            let bytes = CommandLineBytes.typed(key)
            guard try await store.remove(bytes) else { throw noSuchKey(bytes) }
            return answer(attach.json, nil, [("key", .string(CommandLineBytes.shown(key))), ("removed", .bool(true))])
        }
        let prefix = prefix ?? ""
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        var listing = KeyListing(prefix: CommandLineBytes.typed(prefix))
        var count = 0
        while let page = try await listing.nextPage(control) { count += try await Self.remove(page.map(\.key), from: store) }
        if let warning = listing.warning { Terminal.note(warning) }
        guard count > 0 else { throw CommandFailure.noSuchKey("no key begins with \(Key.quoted(CommandLineBytes.typed(prefix)))") }
        answer(attach.json, "removed \(count)", [("prefix", .string(CommandLineBytes.shown(prefix))), ("removed", .integer(Int64(count)))])
    }

    /// How many of `keys` were there to be removed.
    private static func remove(_ keys: [Key], from store: Store) async throws -> Int {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            var removed = 0
            for (index, key) in keys.enumerated() {
                if index >= inFlight, try await group.next() == true { removed += 1 }
                group.addTask { try await store.remove(key.bytes) }
            }
            for try await wasThere in group where wasThere { removed += 1 }
            return removed
        }
    }
}

/// `fluxon kv exists`
struct ExistsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exists", abstract: "Say whether there is a value: exit 0 when there is, 3 when not.")

    @OptionGroup var key: KeyArgument
    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let store = try await attach.connect(as: "fluxon kv exists")
        let exists = try await store.exists(key.bytes)
        answer(attach.json, exists ? "yes" : "no", [("key", .string(key.shown)), ("exists", .bool(exists))])
        if !exists { throw ExitCode(3) }
    }
}

/// `fluxon kv size`
struct SizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "size", abstract: "Print a value's size in bytes without fetching it. Exit 3 when there is none.")

    @OptionGroup var key: KeyArgument
    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let store = try await attach.connect(as: "fluxon kv size")
        guard let bytes = try await store.size(key.bytes) else { throw noSuchKey(key.bytes) }
        answer(attach.json, "\(bytes)", [("key", .string(key.shown)), ("bytes", .integer(Int64(bytes)))])
    }
}
