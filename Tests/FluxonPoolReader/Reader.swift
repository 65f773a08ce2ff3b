import FluxonCore
import FluxonPool
import FluxonSystem
import Glibc

/// A reader of a pool in a process of its own, for `PoolProcessTests`. The files are the owner's descriptors, opened by way of /proc.
///
///     fluxon-pool-reader OWNER POOL PINS HEAT GRANTED KEYS read MILLISECONDS    checks every byte; `fine HITS`, or what was wrong and exit 1
///     fluxon-pool-reader OWNER POOL PINS HEAT GRANTED KEYS hold COUNT           pins objects 0..<COUNT, says `holding`, waits to be killed
@main struct Reader {
    static func main() throws {
        let words = CommandLine.arguments
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard words.count == 9, numbers.count == 7 else { exit(64) }
        func file(_ number: Int, _ mode: File.Mode) throws -> MemoryFile {
            MemoryFile(owning: try File.open("/proc/\(numbers[0])/fd/\(number)", mode), name: "the owner's \(number)")
        }
        let view = try PoolView(
            pool: file(numbers[1], .read), pins: file(numbers[2], .readWrite), heat: file(numbers[3], .readWrite), grantedPins: numbers[4])
        if words[7] == "hold" {
            try hold(view, 0..<numbers[6])
        } else {
            say(try read(view, keys: numbers[5], for: .milliseconds(numbers[6])))
        }
    }

    private static func hold(_ view: PoolView, _ objects: Range<Int>) throws {
        guard let object = objects.first else {
            say("holding")
            while true { pause() }
        }
        switch view.get(try Key("object \(object)")) {
        case .hit(let value):
            // The pins are nested: each lives as long as the calls within.
            try hold(view, objects.dropFirst())
            _ = value.byteCount
        default: fail("object \(object) is not there")
        }
    }

    private static func read(_ view: PoolView, keys: Int, for duration: Duration) throws -> String {
        var newest = [UInt64](repeating: 0, count: keys)
        var hits = 0
        var number = Int(getpid())
        let start = BootClock.now
        while BootClock.now.since(start) < duration {
            number = (number &* 1_103_515_245 &+ 12_345) & 0x7fff_ffff
            let object = (number >> 8) % keys
            switch view.get(try Key("object \(object)")) {
            case .hit(let value):
                let version = value.version.sequence
                if version < newest[object] { fail("object \(object) went back from \(newest[object]) to \(version)") }
                newest[object] = version
                // Twice, so that a change under the pin is seen even when the first look was in time.
                for _ in 0..<2 {
                    value.withBytes { bytes in
                        for offset in stride(from: 0, to: bytes.count, by: 8)
                        where bytes.load(fromByteOffset: offset, as: UInt64.self) != version << 8 | UInt64(object) {
                            fail("object \(object) version \(version): foreign or torn bytes at \(offset) under a validated pin")
                        }
                    }
                }
                hits += 1
            default: continue
            }
        }
        if view.heldPins != 0 { fail("\(view.heldPins) pins are left") }
        return "fine \(hits)"
    }

    /// A line at once, whatever standard output is.
    private static func say(_ text: String) {
        var line = text + "\n"
        line.withUTF8 { _ = write(1, $0.baseAddress, $0.count) }
    }

    private static func fail(_ text: String) -> Never {
        say(text)
        exit(1)
    }
}
