import ArgumentParser
import Fluxon
import FluxonCore
import Glibc

/// `fluxon kv ls`
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the keys of the whole cluster, in no order.",
        discussion: """
            The master tells them page by page, each page as of its moment: a key that is there all the while is listed once; one that comes \
            or goes meanwhile may be missing, and one that is removed and put again may be listed twice. It ends with exit 1 when another \
            master takes over in between.

            A line is a key; bytes that do not print are written \\xNN, and a backslash as \\\\. --long adds version, bytes and how many owners \
            hold the value. With --json each line is an object; of a key that is no UTF-8 it has key_base64.
            """)

    @Argument(help: "Only keys that begin with this.")
    var prefix = ""

    @Flag(name: .shortAndLong, help: "Add version, size and number of holders.")
    var long = false

    @Option(help: ArgumentHelp("List at most so many.", valueName: "number"))
    var limit: Int?

    @OptionGroup var attach: AttachOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): must be at least 1") }
        try KeyListing.checkPrefix(prefix)
    }

    func run() async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        var listing = KeyListing(prefix: CommandLineBytes.typed(prefix))
        var rest = limit ?? Int.max
        while rest > 0, let page = try await listing.nextPage(control) {
            for entry in page.prefix(rest) { Terminal.line(line(entry)) }
            rest -= min(rest, page.count)
        }
        if let warning = listing.warning { Terminal.note(warning) }
    }

    private func line(_ entry: KeysAnswer.Entry) -> String {
        guard attach.json else {
            let key = KeyListing.escaped(entry.key)
            return long ? "\(entry.version)\t\(entry.byteCount)\t\(entry.holders)\t\(key)" : key
        }
        return JSONValue.object([
            KeyListing.json(entry.key), ("version", .string("\(entry.version)")), ("bytes", .unsigned(entry.byteCount)),
            ("holders", .unsigned(UInt64(entry.holders))),
        ]).text()
    }
}
