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

    var bytes: [UInt8] { Self.typed(key) }

    /// An argument as it was typed. Its text is that where it is UTF-8; what is not Swift replaces by U+FFFD, and that would be another key.
    static func typed(_ text: String) -> [UInt8] {
        guard text.contains("\u{FFFD}") else { return Array(text.utf8) }
        let line = (try? File.readAll("/proc/self/cmdline", limit: 4 << 20)) ?? []
        let typed = line.split(separator: 0, omittingEmptySubsequences: false)
        return typed.first { String(decoding: $0, as: UTF8.self).utf8.elementsEqual(text.utf8) }.map { Array($0) } ?? Array(text.utf8)
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
