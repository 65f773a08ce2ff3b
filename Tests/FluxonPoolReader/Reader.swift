import FluxonCore
import FluxonPool
import FluxonPoolStress
import FluxonSystem
import Glibc

/// A reader of a pool in a process of its own, for `PoolProcessTests`. The files are the owner's descriptors, opened by way of /proc.
///
///     fluxon-pool-reader OWNER POOL PINS HEAT BOARD GRANTED OBJECTS read MILLISECONDS [MISTAKE]
///         checks all it gets; `fine HITS REFUSALS`, or what was wrong and exit 1
///     fluxon-pool-reader OWNER POOL PINS HEAT BOARD GRANTED OBJECTS hold COUNT
///         pins objects 0..<COUNT, says `holding`, waits to be killed
@main struct Reader {
    static func main() throws {
        let words = CommandLine.arguments
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard numbers.count >= 8, words.count == numbers.count + 2 else { exit(64) }
        #if FLUXON_PLANTED_PINS
        PlantedPinMistake.plant(numbers.count > 8 ? PlantedPinMistake(rawValue: CInt(numbers[8])) : nil)
        #endif
        func file(_ number: Int, _ mode: File.Mode) throws -> MemoryFile {
            MemoryFile(owning: try File.open("/proc/\(numbers[0])/fd/\(number)", mode), name: "the owner's \(number)")
        }
        let view = try PoolView(
            pool: file(numbers[1], .read), pins: file(numbers[2], .readWrite), heat: file(numbers[3], .readWrite), grantedPins: numbers[5])
        if words[8] == "hold" {
            try hold(view, 0..<numbers[7])
        } else {
            let board = try StressBoard(file: file(numbers[4], .readWrite), objects: numbers[6])
            try read(StressReader(view, board, seed: UInt64(getpid())), for: .milliseconds(numbers[7]))
        }
    }

    private static func hold(_ view: PoolView, _ objects: Range<Int>) throws {
        let values = try objects.map { object in
            // What is held is not bound to the owner's validity.
            guard let value = view.get(try StressOwner.key(object), .local).hit() else { fail("object \(object) is not there") }
            return value
        }
        say("holding")
        while true { pause() }
        withExtendedLifetime(values) {}
    }

    private static func read(_ reader: StressReader, for duration: Duration) {
        var reader = reader
        let start = BootClock.now
        while BootClock.now.since(start) < duration {
            if let problem = reader.step() { fail(problem) }
        }
        if let problem = reader.end() { fail(problem) }
        say("fine \(reader.hits) \(reader.refusals)")
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
