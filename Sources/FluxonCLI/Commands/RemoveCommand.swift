import ArgumentParser
import Fluxon

/// `fluxon kv rm`
struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove a value. Exit 3 when there is none.")

    @OptionGroup var key: KeyArgument
    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let store = try await attach.connect(as: "fluxon kv rm")
        guard try await store.remove(key.bytes) else { throw noSuchKey(key.key) }
        answer(attach.json, nil, [("key", .string(key.key)), ("removed", .bool(true))])
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
        answer(attach.json, exists ? "yes" : "no", [("key", .string(key.key)), ("exists", .bool(exists))])
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
        guard let bytes = try await store.size(key.bytes) else { throw noSuchKey(key.key) }
        answer(attach.json, "\(bytes)", [("key", .string(key.key)), ("bytes", .integer(Int64(bytes)))])
    }
}
