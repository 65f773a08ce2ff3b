import FluxonFuzzing
import Glibc

/// libFuzzer's own entry: a driver that a program with a `main` of its own calls.
@_silgen_name("LLVMFuzzerRunDriver")
func fuzzerRunDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Set before libFuzzer starts its first run, and not after.
nonisolated(unsafe) private var target: @Sendable (UnsafeRawBufferPointer) -> Void = { _ in }

/// `fluxon-fuzz TARGET [libFuzzer's arguments]`
@main struct Main {
    static func main() {
        guard CommandLine.argc >= 2, let chosen = FuzzTargets.all[CommandLine.arguments[1]] else {
            print("usage: fluxon-fuzz TARGET [ARGUMENT…]; targets: \(FuzzTargets.all.keys.sorted().joined(separator: ", "))")
            exit(64)
        }
        target = chosen
        var arguments = ([CommandLine.arguments[0]] + CommandLine.arguments.dropFirst(2)).map { strdup($0) } + [nil]
        var count = CInt(arguments.count - 1)
        let result = arguments.withUnsafeMutableBufferPointer { buffer in
            var base = buffer.baseAddress
            return fuzzerRunDriver(&count, &base) { bytes, count in
                target(UnsafeRawBufferPointer(start: bytes, count: count))
                return 0
            }
        }
        exit(result)
    }
}
