import ArgumentParser
import FluxonCore

/// `fluxon metrics`
struct MetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Print the figures of status and of every owner's network as Prometheus' text format.",
        discussion: """
            Of the owner attached to and of the master: what `fluxon status` shows. Of every owner: what went over which kind of path, and \
            its devices; fluxon_owner_up is 0 for one that does not answer within a second. Neither keys nor peers are labels. For a file \
            that node_exporter's textfile collector reads:

              fluxon metrics > fluxon.prom.new && mv fluxon.prom.new fluxon.prom
            """)

    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        var text = PrometheusText()
        StatusMetrics.add(try await control.status(), to: &text)
        var request = NetworkRequest()
        // Peers are counted, not listed.
        request.peerLimit = 0
        NetworkMetrics.add(try await control.network(request), to: &text)
        guard !attach.json else { return Terminal.line(JSONValue.object([("metrics", .string(text.text))]).text()) }
        for line in text.text.split(separator: "\n") { Terminal.line(String(line)) }
    }
}
