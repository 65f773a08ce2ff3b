import ArgumentParser
import Fluxon
import FluxonCore
import FluxonSystem
import Foundation

/// `fluxon kv get`
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Write a value to a file or standard output. Exit 3 when there is none.",
        discussion: """
            With --json and a file, the object tells how long it took until the value was readable here (fetch_seconds) and until it was \
            written. With --json alone the value is in the object: as text where it is UTF-8, else as base64.
            """)

    @OptionGroup var key: KeyArgument

    @Option(help: ArgumentHelp("Where the value goes; - is standard output.", valueName: "file"))
    var output = "-"

    @OptionGroup var attach: AttachOptions

    /// A value beyond this is not squeezed into a JSON object.
    private static let inlineLimit = 16 << 20

    func run() async throws {
        let store = try await attach.connect(as: "fluxon kv get")
        let start = ContinuousClock.now
        guard let value = try await store.get(key.bytes, timeout: attach.duration) else { throw noSuchKey(key.bytes) }
        let fetched = ContinuousClock.now - start
        if output == "-" {
            try print(value)
        } else {
            let progress = ProgressBar("get", total: value.count)
            try FileOutput(path: output).write(value) { progress.advance(to: $0) }
            progress.finish()
            report(value, fetched: fetched, total: ContinuousClock.now - start)
        }
    }

    private func print(_ value: Value) throws {
        guard attach.json || Kernel.isTerminal(STDOUT_FILENO) else {
            try FileOutput.standard.write(value) { _ in }
            return
        }
        guard value.count <= Self.inlineLimit else {
            throw CommandFailure.usage("the value has \(ByteSize.describe(value.count)): give --output FILE")
        }
        let bytes = try value.copyBytes()
        let text = String(validating: bytes, as: UTF8.self)
        guard attach.json else {
            guard let text else {
                throw CommandFailure.usage("the value is \(ByteSize.describe(value.count)) of binary data: give --output FILE, or pipe it")
            }
            Terminal.line(text.last == "\n" ? String(text.dropLast()) : text)
            return
        }
        let content: (name: String, value: JSONValue) =
            text.map { ("text", .string($0)) } ?? ("base64", .string(Data(bytes).base64EncodedString()))
        answer(
            true, nil,
            [("key", .string(key.shown)), ("bytes", .integer(Int64(value.count))), ("version", .string("\(value.version)")), content])
    }

    private func report(_ value: Value, fetched: Duration, total: Duration) {
        let fetch = Speed(bytes: value.count, elapsed: fetched)
        let all = Speed(bytes: value.count, elapsed: total)
        answer(
            attach.json,
            "\(key.shown): \(ByteSize.describe(value.count)), readable after \(fetch.time), written to \(CommandLineBytes.shown(output)) after \(all.time), \(all.rate)",
            [
                ("key", .string(key.shown)), ("bytes", .integer(Int64(value.count))), ("version", .string("\(value.version)")),
                ("fetch_seconds", .number(fetch.seconds)), ("seconds", .number(all.seconds)), ("gb_per_s", .number(all.gigabytesPerSecond)),
                ("output", .string(CommandLineBytes.shown(output))),
            ])
    }
}
