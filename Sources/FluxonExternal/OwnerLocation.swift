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
            throw FluxonError(.connectionFailed, "\(error): no owner serves with this shared_file_path; start fluxon-owner")
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
        socket = description.socket
    }
}
