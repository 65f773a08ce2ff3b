package import FluxonCore
package import FluxonSystem

/// Which generation the pool of this folder belonged to, for the next process to attest "generation g fenced" (CONSISTENCY R1).
///
/// The line is taken out of the folder before a new pool is made and written again once this process has a generation. So a crash in
/// between, or a pool that somebody removed by hand, costs the attestation (and then the master waits), and never makes a false one.
package struct FencingAttestation: Sendable {
    private let path: String
    private let instance: InstanceKey
    /// What the folder said at the start about this owner: what it says of another, whose folder this was, attests nothing.
    package let previous: Generation?

    /// Reads the line.
    package init(folder: String, instance: InstanceKey) {
        path = folder + "/generation"
        self.instance = instance
        let bytes = (try? File.readAll(path, limit: Limits.attributeBytes)) ?? []
        previous = Self.generation(in: bytes, of: instance)
    }

    /// What the line of a folder says about `instance`; nil for bytes that are no such line, or another's.
    package static func generation(in bytes: [UInt8], of instance: InstanceKey) -> Generation? {
        guard let line = String(validating: bytes, as: UTF8.self).flatMap(AttributeLine.init(parsing:)), line["instance"] == instance.name
        else { return nil }
        return line["generation"].flatMap(UInt64.init).map(Generation.init)
    }

    package static func line(_ generation: Generation, of instance: InstanceKey) -> [UInt8] {
        Array(AttributeLine([("generation", "\(generation)"), ("instance", instance.name)]).text.utf8)
    }

    /// To be called when the folder is this process's, before there is a new pool.
    package func takeOut() throws(SystemError) { try File.remove(path) }

    package func record(_ generation: Generation) throws(SystemError) {
        try File.replace(path, with: Self.line(generation, of: instance))
    }
}
