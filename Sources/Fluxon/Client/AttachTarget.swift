internal import FluxonCore
internal import FluxonSystem

/// Where a store attaches: a socket, or a `shared.json` that names one. Looked up anew for each attempt: a restarted owner may have
/// written another socket.
struct AttachTarget: Sendable {
    let path: String

    /// The socket to connect to and the cluster that the file names, if it is a file.
    ///
    /// - Throws: `.connectionFailed` for a path with nothing there, `.invalidArgument` for one that cannot be either,
    ///   `.versionMismatch`, `.system`.
    func resolve() throws(FluxonError) -> (socket: String, clusterName: String?) {
        guard path.hasSuffix(".json") else { return (path, nil) }
        let bytes: [UInt8]
        do {
            bytes = try File.readAll(path, limit: SharedDescription.maximumBytes)
        } catch {
            throw FluxonError(.connectionFailed, "read \(path): has an owner been started with this shared_file_path?", cause: error)
        }
        do {
            let description = try SharedDescription(decoding: bytes)
            return (description.socket, description.clusterName)
        } catch SharedDescriptionError.version(let theirs, let ours) {
            throw FluxonError(.versionMismatch, "\(path): \(SharedDescriptionError.version(theirs: theirs, ours: ours))")
        } catch {
            throw FluxonError(.invalidArgument, "\(path): \(error)")
        }
    }
}
