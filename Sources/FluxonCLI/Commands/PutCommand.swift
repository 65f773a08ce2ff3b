import ArgumentParser
import Fluxon
import FluxonCore
import FluxonSystem
import Glibc

/// `fluxon kv put`
struct PutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Put a file, or standard input, under a key.",
        discussion: """
            A file is read straight into shared memory; a pipe is collected first, since its size is not known, up to the size of the pool. \
            With --timeout the reading counts too.
            """)

    @OptionGroup var key: KeyArgument

    @Option(help: ArgumentHelp("The file with the value; - is standard input.", valueName: "file"))
    var file = "-"

    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let input = try FileInput(path: file)
        let store = try await attach.connect(as: "fluxon kv put")
        if file == "-", Kernel.isTerminal(STDIN_FILENO) { Terminal.note("reading the value from the terminal; end it with Ctrl-D") }
        let start = ContinuousClock.now
        let limits = ReadLimits(byteCount: store.poolByteCount, deadline: attach.wanted.map { (start + $0, $0) })
        let version: Value.Version
        let bytes: Int
        if let count = input.regularByteCount {
            bytes = count
            let progress = ProgressBar("put", total: count)
            version = try await store.put(key.bytes, count: count, timeout: attach.duration) { memory in
                try input.read(into: &memory, limits) { progress.advance(to: $0) }
            }
            progress.finish()
        } else {
            let content = try input.readAll(limits)
            bytes = content.count
            let left = attach.wanted.map { max(.milliseconds(1), $0 - (ContinuousClock.now - start)) }
            version = try await store.put(key.bytes, content, timeout: left ?? attach.duration)
        }
        let speed = Speed(bytes: bytes, elapsed: ContinuousClock.now - start)
        answer(
            attach.json, "\(key.shown): \(ByteSize.describe(bytes)) in \(speed.time), \(speed.rate), version \(version)",
            [
                ("key", .string(key.shown)), ("bytes", .integer(Int64(bytes))), ("version", .string("\(version)")),
                ("seconds", .number(speed.seconds)),
                ("gb_per_s", .number(speed.gigabytesPerSecond)),
            ])
    }
}
