import Fluxon
import Glibc

/// A business process for tests of death and stopping: attaches, does what its arguments say, says so line by line, and waits to be killed.
///
///     fluxon-probe PATH put:KEY:COUNT:BYTE hold:KEY fill:KEY:COUNT fork:KEY expect:mapped|copied say:WORD exit
@main struct Probe {
    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        guard let path = arguments.first else { exit(64) }
        do {
            var options = Store.Options()
            options.name = "probe"
            let store = try await Store.connect(to: path, options: options)
            var held: [Value] = []
            for step in arguments.dropFirst() {
                try await perform(step.split(separator: ":").map(String.init), store, &held)
                say("\(step)")
            }
            say("ready")
            while true { pause() }
        } catch {
            say("failed: \(error)")
            exit(1)
        }
    }

    private static func perform(_ words: [String], _ store: Store, _ held: inout [Value]) async throws {
        switch (words.first, words.dropFirst().first) {
        case ("put", let key?):
            let bytes = [UInt8](repeating: words.count > 3 ? UInt8(words[3]) ?? 0 : 0, count: words.count > 2 ? Int(words[2]) ?? 0 : 0)
            try await store.put(key, bytes)
        case ("hold", let key?):
            guard let value = try await store.get(key) else { throw Missing(key: key) }
            held.append(value)
        case ("fill", let key?):
            // Never comes back from the closure: the extent is this process's until it dies.
            try await store.put(key, count: words.count > 2 ? Int(words[2]) ?? 0 : 0) { _ in
                say("filling")
                while true { pause() }
            }
        case ("say", _): return
        case ("exit", _): exit(0)
        case ("expect", let way?):
            guard store.isMapped == (way == "mapped") else { throw Missing(key: way) }
        case ("fork", let key?): try await fork(store, key)
        default: throw Missing(key: words.joined(separator: ":"))
        }
    }

    /// A forked child finds its store and values inert, and does not hurt its parent's.
    private static func fork(_ store: Store, _ key: String) async throws {
        let value = try await store.get(key)
        let child = forkProcess()
        if child == 0 {
            let isInert = value?.isReadable == false && value?.count == 0 && (try? value?.copyBytes()) == nil
            _exit(isInert ? 7 : 8)
        }
        var status: CInt = 0
        waitpid(child, &status, 0)
        guard (status >> 8) & 0xFF == 7, value?.isReadable == true, try await store.get(key) != nil else { throw Missing(key: "fork") }
    }
}

/// `fork` is hidden from Swift, since little may be done in the child; this probe does just that little.
@_silgen_name("fork") private func forkProcess() -> pid_t

/// A line at once, whatever standard output is.
private func say(_ text: String) {
    var line = text + "\n"
    line.withUTF8 { _ = write(1, $0.baseAddress, $0.count) }
}

private struct Missing: Error { let key: String }
