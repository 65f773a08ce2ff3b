import ArgumentParser
import Fluxon
import FluxonCore

/// `fluxon kv`: values by key.
struct KVCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kv", abstract: "Put, get and remove values.",
        discussion: """
            A key is 1 to \(Limits.keyBytes) bytes. Attach with --attach PATH or the environment's FLUXON_ATTACH.

            Examples:
              fluxon kv put weights --file model.safetensors
              echo hello | fluxon kv put greeting
              fluxon kv get weights --output copy.safetensors
              fluxon kv exists greeting && fluxon kv rm greeting
            """,
        subcommands: [PutCommand.self, GetCommand.self, RemoveCommand.self, ExistsCommand.self, SizeCommand.self])
}

/// The key, and its limits while the command line is read.
struct KeyArgument: ParsableArguments {
    @Argument(help: "The value's name: 1 to \(Limits.keyBytes) bytes.")
    var key: String

    func validate() throws {
        do { _ = try Key(key) } catch {
            throw ValidationError("a key has 1 to \(Limits.keyBytes) bytes, this one \(key.utf8.count)")
        }
    }
}

/// What a command answers, as text or as one JSON object.
func answer(_ json: Bool, _ text: String?, _ members: [(name: String, value: JSONValue)]) {
    if json {
        Terminal.line(JSONValue.object(members).text())
    } else if let text {
        Terminal.line(text)
    }
}

func noSuchKey(_ key: String) -> CommandFailure { .noSuchKey("no such key: \(key)") }
