import FluxonCore
import FluxonTransfer

/// Two RDMA devices that carry nothing, obey the settings, and tell the test of each that they get.
final class NetworkDevicesDouble: NetworkDevices {
    static let names = ["mlx5_0", "mlx5_1"]

    private var settings: NetworkSettings?
    private let told: AsyncStream<NetworkSettings>.Continuation

    init(told: AsyncStream<NetworkSettings>.Continuation) { self.told = told }

    func describe() -> [NetworkAnswer.Device] {
        Self.names.map { name in
            var device = NetworkAnswer.Device(name: name, port: 1, state: .disabled)
            guard settings?.allows(name) == true else {
                device.reason = "disabled; `fluxon network enable` lets it carry reads again"
                return device
            }
            device.state = .active
            device.linkLayer = "Ethernet"
            device.rateGigabits = 100
            device.mtu = 4096
            return device
        }
    }

    func apply(_ settings: NetworkSettings) {
        self.settings = settings
        told.yield(settings)
    }
}
