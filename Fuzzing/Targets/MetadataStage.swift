import FluxonCore
import FluxonEtcd
import FluxonEtcdEmbedded
import SwiftProtobuf

/// The embedded metadata's service on a store in memory, with one stream of watchers.
final class MetadataStage {
    private final class Clock { var now = BootInstant(nanoseconds: 1_000_000_000) }

    private let clock: Clock
    private let service: MetadataService
    private let methods: [(name: String, call: ([UInt8], @escaping MetadataService.Answer) -> Void)]
    private var watch: WatchSession?
    private var isWritable = true
    private var asked = 0
    private var answered = 0
    /// The revision that each watcher heard of last.
    private var heard: [Int64: Int64] = [:]

    init() throws {
        let clock = Clock()
        self.clock = clock
        service = try MetadataService(store: try MetadataStore(path: ":memory:"), clock: { clock.now })
        methods = service.methods.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    func step(_ script: inout ByteScript) {
        switch script.below(10) {
        case 0: call(methods[script.below(methods.count)].name, script.block())
        case 1: watch(script.block())
        case 2: watch(MetadataRequests.watch(&script))
        case 3: _ = try? service.keepAlive(MetadataRequests.bytes(MetadataRequests.keepAlive(&script)))
        case 4:
            clock.now = clock.now.advanced(by: .seconds(script.below(64)))
            service.expireLeases()
        case 5: flush()
        case 6:
            isWritable.toggle()
            if isWritable { try? watch?.pump(committed: service.committed, latest: nil) }
        default:
            let (method, request) = MetadataRequests.unary(&script)
            call(method, request)
        }
        if let failure = service.storageFailure { fatalError("a request broke the store: \(failure)") }
    }

    func end() {
        flush()
        if asked != answered { fatalError("\(asked) calls got \(answered) answers") }
        if let failure = service.storageFailure { fatalError("a request broke the store: \(failure)") }
    }

    private func flush() {
        service.flush()
        if service.needsFlush { fatalError("a flush left something") }
    }

    private func call(_ name: String, _ request: [UInt8]) {
        guard let method = methods.first(where: { $0.name == name }) else { fatalError("no method \(name)") }
        asked += 1
        var isAnswered = false
        method.call(request) { [unowned self] _ in
            if isAnswered { fatalError("\(name) is answered twice") }
            isAnswered = true
            answered += 1
        }
    }

    private func watch(_ message: [UInt8]) {
        let session = watch ?? service.openWatch(send: { [unowned self] in hear($0) }, isWritable: { [unowned self] in isWritable })
        watch = session
        do {
            try session.receive(message, committed: service.committed)
        } catch {
            // The stream ends with the error.
            service.closeWatch(session)
            watch = nil
            heard = [:]
        }
    }

    private func hear(_ message: [UInt8]) {
        guard let response = try? WireWatchResponse(serializedBytes: message) else { fatalError("a response that nobody can read") }
        if response.canceled { heard[response.watchID] = nil }
        for event in response.events {
            let last = heard[response.watchID] ?? 0
            if event.kv.modRevision < last { fatalError("watcher \(response.watchID) heard \(event.kv.modRevision) after \(last)") }
            heard[response.watchID] = event.kv.modRevision
        }
    }
}
