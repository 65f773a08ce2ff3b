internal import FluxonCore
internal import SwiftProtobuf

extension MetadataService {
    /// `MemberListResponse`: this server is the cluster. `etcdctl endpoint health --cluster` and other clients begin with it.
    func memberList() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(field: 1) { header in
            header.unsigned(store.clusterID, field: 1)
            header.unsigned(store.memberID, field: 2)
            header.unsigned(Self.term, field: 4)
        }
        writer.message(field: 2) { member in
            member.unsigned(store.memberID, field: 1)
            member.string("fluxon", limit: Limits.nameBytes, field: 2)
            member.string(clientURL, limit: Limits.attributeBytes, field: 4)
        }
        return writer.bytes
    }
}
