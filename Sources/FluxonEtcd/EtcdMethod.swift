/// The methods of etcd's API that are called or served here, as they stand in `:path`.
package enum EtcdMethod {
    package static let authenticate = "/etcdserverpb.Auth/Authenticate"
    package static let alarm = "/etcdserverpb.Maintenance/Alarm"
    package static let compact = "/etcdserverpb.KV/Compact"
    package static let deleteRange = "/etcdserverpb.KV/DeleteRange"
    package static let memberList = "/etcdserverpb.Cluster/MemberList"
    package static let put = "/etcdserverpb.KV/Put"
    package static let range = "/etcdserverpb.KV/Range"
    package static let transaction = "/etcdserverpb.KV/Txn"
    package static let leaseGrant = "/etcdserverpb.Lease/LeaseGrant"
    package static let leaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive"
    package static let leaseLeases = "/etcdserverpb.Lease/LeaseLeases"
    package static let leaseRevoke = "/etcdserverpb.Lease/LeaseRevoke"
    package static let leaseTimeToLive = "/etcdserverpb.Lease/LeaseTimeToLive"
    package static let status = "/etcdserverpb.Maintenance/Status"
    package static let watch = "/etcdserverpb.Watch/Watch"
}
