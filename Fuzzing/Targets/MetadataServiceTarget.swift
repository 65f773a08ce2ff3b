/// The embedded metadata against whatever a client of etcd sends: every call is answered once, by a result or by a refusal that changes
/// nothing, the store never fails for a request, and each watcher hears revisions in their order.
enum MetadataServiceTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        do {
            let stage = try MetadataStage()
            var script = ByteScript(input)
            for _ in 0..<100 where !script.isOver { stage.step(&script) }
            stage.end()
        } catch {
            fatalError("an empty store: \(error)")
        }
    }
}
