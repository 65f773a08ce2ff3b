import FluxonCore
import FluxonSystem

/// Where the owner of this machine serves, as its `shared.json` says now.
struct OwnerLocation {
    let socket: String
    let description: SharedDescription

    /// - Throws: `.connectionFailed` without a file, `.clusterMismatch`, `.versionMismatch`, `.invalidConfiguration`.
    init(_ configuration: ExternalConfiguration) throws(FluxonError) {
        let path = configuration.sharedDescriptionPath
        let bytes: [UInt8]
        do {
            bytes = try File.readAll(path, limit: SharedDescription.maximumBytes)
        } catch {
            throw FluxonError(
                .connectionFailed,
                "\(error): no owner serves with this shared_file_path; start fluxon-owner, or wait while it makes its pool")
        }
        do {
            description = try SharedDescription(decoding: bytes)
        } catch SharedDescriptionError.version(let theirs, let ours) {
            throw FluxonError(.versionMismatch, "\(path): \(SharedDescriptionError.version(theirs: theirs, ours: ours))")
        } catch {
            throw FluxonError(.invalidConfiguration, "\(path): \(error)")
        }
        guard description.clusterName == configuration.clusterName else {
            let text = "\(path) belongs to the cluster '\(description.clusterName)', this sidecar to '\(configuration.clusterName)'"
            throw FluxonError(.clusterMismatch, text + "; correct cluster_name or shared_file_path")
        }
        if let wanted = configuration.subCluster, wanted != description.subCluster {
            let text = "\(path) belongs to the sub_cluster '\(description.subCluster ?? "")', this sidecar to '\(wanted)'"
            throw FluxonError(.clusterMismatch, text + "; correct sub_cluster or shared_file_path")
        }
        guard Self.isPool(description.pool, of: configuration.sharedMemoryPath) else {
            let text = "\(path) says that the owner's pool is \(description.pool), this sidecar's shared_memory_path is "
            throw FluxonError(.invalidConfiguration, text + "\(configuration.sharedMemoryPath); make it the owner's")
        }
        socket = description.socket
    }

    /// Whether `pool` may lie in `folder`, by whatever names: a container may have the folder elsewhere, or this user may not look.
    private static func isPool(_ pool: String, of folder: String) -> Bool {
        let own = "\(folder)/\(pool.split(separator: "/").last ?? "")"
        if own == pool { return true }
        do throws(SystemError) {
            guard let here = try FileIdentity(at: own) else { return false }
            return try FileIdentity(at: pool).map { $0 == here } ?? true
        } catch {
            return true
        }
    }
}
