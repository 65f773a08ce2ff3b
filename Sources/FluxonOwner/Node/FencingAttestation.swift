package import FluxonCore
package import FluxonSystem

/// Which generation the pool of this folder belonged to, for the next process to attest "generation g fenced" (CONSISTENCY R1).
///
/// The line is taken out of the folder before a new pool is made and written again once this process has a generation. So a crash in
/// between, or a pool that somebody removed by hand, costs the attestation (and then the master waits), and never makes a false one.
package struct FencingAttestation: Sendable {
    private let path: String
    /// What the folder said at the start.
    package let previous: Generation?

    /// Reads the line and removes it.
    package init(folder: String) throws(SystemError) {
        path = folder + "/generation"
        try File.makeDirectories(folder)
        let bytes = (try? File.readAll(path, limit: Limits.attributeBytes)) ?? []
        let line = String(validating: bytes, as: UTF8.self).flatMap(AttributeLine.init(parsing:))
        previous = line?["generation"].flatMap(UInt64.init).map(Generation.init)
        if previous != nil { try File.remove(path) }
    }

    package func record(_ generation: Generation) throws(SystemError) {
        try File.replace(path, with: Array(AttributeLine([("generation", "\(generation)")]).text.utf8))
    }
}
