package import FluxonCore

/// The RDMA devices of one owner, as the switching and showing of them sees them. On the owner's loop only.
package protocol NetworkDevices: AnyObject {
    /// Every device and port that was found, also those that cannot be used or may not.
    func describe() -> [NetworkAnswer.Device]

    /// From now on reads start only on devices that `settings` allow; those that run on another finish or move. Before the first call
    /// no device is used: a device that was disabled must not come back with a restart, not even until etcd has been read.
    func apply(_ settings: NetworkSettings)
}
