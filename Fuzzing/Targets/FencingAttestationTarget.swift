import FluxonCore
import FluxonOwner

/// The line of an owner's folder that says which generation its pool belonged to, as anybody may have left it.
enum FencingAttestationTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        let instance = InstanceKey("owner-1")
        guard let generation = FencingAttestation.generation(in: Array(input), of: instance) else { return }
        let line = FencingAttestation.line(generation, of: instance)
        if FencingAttestation.generation(in: line, of: instance) != generation { fatalError("\(generation) is not read back") }
        if FencingAttestation.generation(in: line, of: InstanceKey("owner-2")) != nil { fatalError("another's generation is attested") }
    }
}
