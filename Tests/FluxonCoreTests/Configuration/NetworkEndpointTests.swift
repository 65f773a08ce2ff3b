import FluxonCore
import Testing

@Suite struct NetworkEndpointTests {
    @Test(
        "an endpoint is a URL or a bare host:port",
        arguments: [
            ("http://127.0.0.1:2379", NetworkEndpoint(host: "127.0.0.1", port: 2379)),
            ("https://etcd.example:2379/", NetworkEndpoint(isSecure: true, host: "etcd.example", port: 2379)),
            ("localhost:1", NetworkEndpoint(host: "localhost", port: 1)),
            ("[::1]:65535", NetworkEndpoint(host: "::1", port: 65535)),
            ("HTTPS://[FE80::1]:7", NetworkEndpoint(isSecure: true, host: "FE80::1", port: 7)),
        ])
    func parses(text: String, endpoint: NetworkEndpoint) {
        #expect(NetworkEndpoint(text) == endpoint)
        #expect(NetworkEndpoint(endpoint.description) == endpoint)
    }

    @Test(
        "what lacks a port, or has more than host and port, is none",
        arguments: [
            "", ":", ":1", "host", "host:", "host:65536", "host:-1", "http://host", "http://a/b:1", "user@host:1", "::1:7", "[::1]",
            "[host]:1", "ho st:1", "[fe80::1%eth0]:7", "host:١",
        ])
    func refuses(text: String) {
        #expect(NetworkEndpoint(text) == nil)
    }
}
