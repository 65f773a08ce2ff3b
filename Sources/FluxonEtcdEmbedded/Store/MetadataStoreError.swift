/// Why the file of the embedded metadata cannot be used.
package enum MetadataStoreError: Error, Equatable, CustomStringConvertible {
    case cannotOpen(path: String, reason: String)
    case inUse(path: String)
    case foreignFile(path: String, applicationID: Int64)
    case newerSchema(path: String, found: Int64, known: Int64)
    /// A read or write of an open file failed: full or broken disk. The store answers nothing any more, since what it holds in memory
    /// and what lies in the file may differ.
    case storageFailed(path: String, reason: String)

    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "cannot open the embedded metadata at \(path): \(reason); check embedded_metadata.path: the folder must exist and be writable"
        case .inUse(let path):
            "the embedded metadata at \(path) is in use by another process: stop it, or set another embedded_metadata.path"
        case .foreignFile(let path, let applicationID):
            "\(path) is a SQLite file of another program (application id \(applicationID)); set another embedded_metadata.path"
        case .newerSchema(let path, let found, let known):
            "the embedded metadata at \(path) has layout \(found), this program knows up to \(known): use the newer program that wrote it"
        case .storageFailed(let path, let reason):
            "the embedded metadata at \(path) failed: \(reason); free space on its disk or repair it, then restart"
        }
    }
}
