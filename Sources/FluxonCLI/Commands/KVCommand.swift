import ArgumentParser
import Fluxon
import FluxonCore
import FluxonSystem

/// `fluxon kv`: values by key.
struct KVCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kv", abstract: "Put, get, list and remove values.",
        discussion: """
            A key is 1 to \(Limits.keyBytes) bytes. Attach with --attach PATH or the environment's FLUXON_ATTACH.

            Examples:
              fluxon kv put weights --file model.safetensors
              echo hello | fluxon kv put greeting
              fluxon kv get weights --output copy.safetensors
              fluxon kv exists greeting && fluxon kv rm greeting
              fluxon kv ls weights/ --long
            """,
        subcommands: [
            PutCommand.self, GetCommand.self, ListCommand.self, RemoveCommand.self, ExistsCommand.self, SizeCommand.self,
        ])
}

/// The key, and its limits while the command line is read.
struct KeyArgument: ParsableArguments {
    @Argument(help: "The value's name: 1 to \(Limits.keyBytes) bytes.")
    var key: String

    func validate() throws { try Self.check(bytes) }

    static func check(_ bytes: [UInt8]) throws {
        do { _ = try Key(bytes) } catch {
            throw ValidationError("a key has 1 to \(Limits.keyBytes) bytes, this one \(bytes.count)")
        }
    }

    /// The key as it was typed.
    var bytes: [UInt8] { CommandLineBytes.typed(key) }
    /// The key as text, for people: what is not UTF-8 in it is replaced.
    var shown: String { String(decoding: bytes, as: UTF8.self) }
}

/// What a command answers, as text or as one JSON object.
func answer(_ json: Bool, _ text: String?, _ members: [(name: String, value: JSONValue)]) {
    if json {
        Terminal.line(JSONValue.object(members).text())
    } else if let text {
        Terminal.line(text)
    }
}

func noSuchKey(_ key: [UInt8]) -> CommandFailure { .noSuchKey("no such key: \(Key.quoted(key))") }
