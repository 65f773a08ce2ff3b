import ArgumentParser
import FluxonCore

/// `--owner`, and what `fluxon network enable`, `disable` and `switch` have in common: check, record, wait for the owner's word.
struct NetworkTarget: ParsableArguments {
    @Option(help: ArgumentHelp("The owner whose devices are meant, by its instance_key.", valueName: "name"))
    var owner: String

    static func check(_ devices: [String]) throws {
        for device in devices where !NetworkSettings.isDeviceName(device) {
            throw ValidationError("'\(device)' is no name of a device; `fluxon network list` shows them, e.g. mlx5_0")
        }
        guard devices.count <= Limits.networkDevices else {
            throw ValidationError("\(devices.count) devices; one owner has at most \(Limits.networkDevices)")
        }
    }

    func change(_ action: NetworkChange.Action, _ devices: [String], _ attach: AttachOptions) async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        let change = NetworkChange(owner: InstanceKey(owner), action: action, devices: Array(Set(devices)).sorted())
        let before = try await control.network(ofOwner: owner).owners.first
        if let answer = before?.answer {
            do throws(NetworkChangeError) { try change.check(against: answer) } catch { throw CommandFailure.failed("\(error)") }
        }
        let answer = try await control.change(change)
        let problem = try await confirmation(of: answer, control)
        guard let problem else { return attach.json ? Terminal.line(json(answer).text()) : say(answer) }
        let unchecked = before?.answer == nil && action != .enableAll ? " Its devices' names could not be checked." : ""
        throw CommandFailure.failed(
            "recorded that \(owner) is to use \(answer.settings.explanation), but it has not confirmed within \(Limits.networkConfirmation): "
                + problem + unchecked)
    }

    private func say(_ answer: NetworkChangeAnswer) {
        let text = answer.settings.explanation
        Terminal.line(answer.isChanged ? "\(owner) now uses \(text)" : "nothing to change: \(owner) uses \(text) already")
    }

    /// Nil: the settings are in force. Else why they are not, with the fix.
    private func confirmation(of answer: NetworkChangeAnswer, _ control: borrowing ControlClient) async throws -> String? {
        var request = NetworkRequest(owner: InstanceKey(owner))
        request.awaitedRevision = answer.revision
        let told = try await control.network(request).owners.first
        guard let present = told?.answer else {
            let reason = told?.problem ?? ""
            return (reason.isEmpty ? "it does not answer" : reason) + "; it takes effect when the owner is back."
        }
        if present.settingsRevision >= answer.revision { return nil }
        if !present.problem.isEmpty { return present.problem }
        return "it still goes by what etcd held at revision \(present.settingsRevision), this is revision \(answer.revision); "
            + "see in its log whether it reaches etcd."
    }

    private func json(_ answer: NetworkChangeAnswer) -> JSONValue {
        .object([
            ("instance_key", .string(owner)), ("settings_asked", NetworkJSON.settings(answer.settings)),
            ("changed", .bool(answer.isChanged)), ("in_force", .bool(true)), ("revision", .unsigned(answer.revision)),
        ])
    }
}

extension ControlClient {
    /// The network of one owner; when nobody knows an owner of this name, an error with the names of those there are.
    func network(ofOwner name: String) async throws -> NetworkReport {
        let report = try await network(NetworkRequest(owner: InstanceKey(name)))
        guard report.owners.isEmpty else { return report }
        let known = try await network(NetworkRequest())
        // Without the master's word this owner may just not have heard of it.
        let doubt = known.problem.isEmpty ? "" : "; " + known.problem
        let error = NetworkChangeError.unknownOwner(name, known: known.owners.map(\.name.name))
        throw CommandFailure.failed("\(error)\(doubt)")
    }
}
