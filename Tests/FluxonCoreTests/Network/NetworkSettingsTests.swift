import FluxonCore
import Testing

@Suite struct NetworkSettingsTests {
    private func change(_ action: NetworkChange.Action, _ devices: String...) -> NetworkChange {
        NetworkChange(owner: InstanceKey("owner-1"), action: action, devices: devices)
    }

    @Test("disabling takes devices out, enabling puts them back, whichever way the settings are written")
    func steps() throws {
        var settings = try change(.disable, "a", "b").applied(to: .everyDevice)
        #expect(settings == .allExcept(["a", "b"]) && !settings.allows("a") && settings.allows("c"))
        settings = try change(.enable, "a").applied(to: settings)
        #expect(settings == .allExcept(["b"]))
        settings = try change(.switchTo, "b").applied(to: settings)
        #expect(settings == .only(["b"]) && settings.allows("b") && !settings.allows("c"))
        settings = try change(.enable, "c").applied(to: settings)
        #expect(settings == .only(["b", "c"]))
        settings = try change(.disable, "b", "c").applied(to: settings)
        #expect(settings == .only([]) && !settings.allows("b") && !settings.allows("new"))
        #expect(try change(.enableAll).applied(to: settings) == .everyDevice)
    }

    @Test(
        "what is recorded is read as it was written",
        arguments: [NetworkSettings.everyDevice, .allExcept(["mlx5_1", "mlx5_0"]), .only([]), .only(["rxe0"])])
    func text(settings: NetworkSettings) {
        #expect(NetworkSettings(parsing: settings.text) == settings)
    }

    @Test("the text is a line for a person with etcdctl, and a newer version may add to it")
    func line() {
        #expect(NetworkSettings.allExcept(["mlx5_1", "mlx5_0"]).text == "disabled=mlx5_0,mlx5_1")
        #expect(NetworkSettings.only(["mlx5_1"]).text == "only=mlx5_1")
        #expect(NetworkSettings.everyDevice.text == "" && NetworkSettings.only([]).text == "only=")
        #expect(NetworkSettings(parsing: "only=mlx5_1 rails=2") == .only(["mlx5_1"]))
    }

    @Test(
        "what is no line of settings is told from one",
        arguments: [
            "disabled", "disabled=a only=b", "disabled=a/b", "only=" + String(repeating: "x", count: 64), "only=ä",
            "only=" + (0...Limits.networkDevices).map { "d\($0)" }.joined(separator: ","), String(repeating: "a=b ", count: 2000),
        ])
    func garbage(text: String) {
        #expect(NetworkSettings(parsing: text) == nil)
    }

    @Test("settings that name the most devices by the longest names fit what etcd's line may hold")
    func largest() throws {
        let names = (0..<Limits.networkDevices).map { number in
            String("\(number)-\(String(repeating: "x", count: Limits.deviceNameBytes))".prefix(Limits.deviceNameBytes))
        }
        let settings = NetworkSettings.allExcept(Set(names))
        #expect(settings.text.utf8.count <= Limits.attributeBytes && NetworkSettings(parsing: settings.text) == settings)
        let error = #expect(throws: NetworkChangeError.self) { try change(.disable, "one-more").applied(to: settings) }
        #expect(error == .tooManyDevices(count: Limits.networkDevices + 1, limit: Limits.networkDevices))
    }

    @Test("a device that the owner has not is answered with those that it has; one that is gone may still be enabled")
    func check() throws {
        var answer = NetworkAnswer()
        let none = #expect(throws: NetworkChangeError.self) { try change(.disable, "mlx5_0").check(against: answer) }
        #expect(none == .noDevices(owner: "owner-1"))
        answer.devices = ["mlx5_0", "mlx5_1"].map { .init(name: $0, port: 1, state: .active) }
        answer.settings = .allExcept(["gone"])
        try change(.disable, "mlx5_0", "mlx5_1").check(against: answer)
        try change(.enable, "gone").check(against: answer)
        try change(.enableAll).check(against: answer)
        let unknown = #expect(throws: NetworkChangeError.self) { try change(.disable, "mlx5_3").check(against: answer) }
        #expect("\(try #require(unknown))" == "owner-1 has no device 'mlx5_3'; its devices are gone, mlx5_0, mlx5_1")
    }

    @Test("an unknown owner is answered with those there are; of many, with the nearest")
    func unknownOwner() {
        #expect("\(NetworkChangeError.unknownOwner("x", known: ["a", "b"]))" == "no owner 'x'; the owners are a, b")
        #expect("\(NetworkChangeError.unknownOwner("x", known: []))".hasSuffix("start fluxon-owner"))
        let many = (1...40).map { "owner-of-rack-\($0)" }
        let text = "\(NetworkChangeError.unknownOwner("owner-of-rak-39", known: many))"
        #expect(text.hasSuffix("and 24 more; did you mean owner-of-rack-39?"), "\(text)")
    }
}
