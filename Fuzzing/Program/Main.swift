import FluxonFuzzing
import Glibc

// SAFETY: set before libFuzzer starts its first run, and not after.
nonisolated(unsafe) private var target: @Sendable (UnsafeRawBufferPointer) -> Void = { _ in }

/// libFuzzer has the `main` and calls this first: `fluxon-fuzz --target=NAME [libFuzzer's arguments]`, or `--list`. It passes over what
/// begins with two dashes, and hands it to the processes that it starts.
@_cdecl("LLVMFuzzerInitialize")
func initialize(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    let names = FuzzTargets.all.keys.sorted()
    let words = (1..<Int(max(1, count.pointee))).compactMap { arguments.pointee[$0].map { String(cString: $0) } }
    if words.contains("--list") {
        print(names.joined(separator: "\n"))
        exit(0)
    }
    let option = "--target="
    let name = words.first { $0.hasPrefix(option) }.map { String($0.dropFirst(option.count)) }
    guard let name, let chosen = FuzzTargets.all[name] else {
        print("usage: fluxon-fuzz --target=NAME [ARGUMENT…]; names: \(names.joined(separator: ", "))")
        exit(64)
    }
    target = chosen
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}
