import FluxonTLS

/// The bytes below RPC and transfers. Either side of TLS against any bytes; and both sides of one connection, whose bytes come in pieces,
/// damaged, twice or not at all: whatever arrives, nobody is given a byte that the other did not send.
///
/// The first byte chooses: bits 0 and 1 a server alone, a client alone, or both; bit 2 whether clients need a certificate; bit 3 whether
/// the two speak the same protocol.
enum TLSRecordsTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        var script = ByteScript(input)
        let mode = script.byte()
        let stage = TLSStage(showsCertificate: mode & 4 == 0, isSameProtocol: mode & 8 == 0)
        switch mode & 3 {
        case 0: while !script.isOver { stage.feed(.server, script.block()) }
        case 1: while !script.isOver { stage.feed(.client, script.block()) }
        default: for _ in 0..<200 where !script.isOver { stage.step(&script) }
        }
        stage.close()
    }
}
