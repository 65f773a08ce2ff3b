package import FluxonCore
package import FluxonSystem

/// A process that asks to be attached; answer it once. Letting go of it closes the connection. On its loop only.
package final class AttachCall {
    package let request: AttachRequest
    private var socket: Descriptor?
    private var received: [ReceivedDescriptors]

    init(request: AttachRequest, socket: consuming Descriptor, descriptors: [ReceivedDescriptors]) {
        self.request = request
        self.socket = consume socket
        received = descriptors
    }

    /// Who connected, by the kernel's word.
    ///
    /// - Throws: when it is gone already.
    package func peer() throws(SystemError) -> PeerCredentials { try PeerCredentials(of: number) }

    /// The process that connected.
    package func peerProcess() throws(SystemError) -> ProcessDescriptor { try ProcessDescriptor(peerOf: number) }

    /// The next descriptor that came with the request.
    package func takeDescriptor() -> Descriptor? {
        while let first = received.first {
            if let descriptor = first.takeFirst() { return descriptor }
            received.removeFirst()
        }
        return nil
    }

    /// Sends the answer with borrowed descriptors and gives the connection, which speaks HTTP/2 from its next byte on.
    /// Nil when the caller is gone or was answered before.
    package func answer(_ answer: AttachAnswer, descriptors: [CInt] = []) -> Descriptor? {
        guard let socket = socket.take() else { return nil }
        var answer = answer
        answer.descriptorCount = UInt32(clamping: descriptors.count)
        let bytes = answer.encoded()
        // A new socket's buffer holds far more than one answer.
        guard (try? Socket.sendDescriptors(socket.number, descriptors, with: bytes)) == .moved(bytes.count) else { return nil }
        return socket
    }

    /// Sends a refusal and closes.
    package func refuse(_ error: FluxonError, clusterName: String, ownerName: String) {
        _ = answer(AttachAnswer(refusing: error, clusterName: clusterName, ownerName: ownerName))
    }

    /// Whether it was not answered yet.
    package var isOpen: Bool { socket != nil }

    private var number: CInt { socket?.number ?? -1 }
}
