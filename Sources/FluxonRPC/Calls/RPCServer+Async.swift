internal import FluxonSystem

/// Handlers as functions. They run in tasks that prefer the server's loop, one task per call: for methods that are called seldom, or
/// that must wait. Hot methods use `handle` or `unaryNow`.
extension RPCServer {
    /// One message in, one out. An `RPCError` becomes the status; any other error becomes `unknown` with its description.
    package func unary(_ path: String, _ body: @escaping @Sendable ([UInt8], RPCContext) async throws -> [UInt8]) {
        let loop = loop
        collect(path) { message, stream in
            let context = RPCContext(stream)
            let reply = OnLoop(stream)
            let task = Task(executorPreference: loop.taskExecutor) {
                let result: Result<[UInt8], RPCError>
                do { result = .success(try await body(message, context)) } catch { result = .failure(RPCError(handlerError: error)) }
                loop.execute { Self.answer(reply.value, result) }
            }
            stream.onEnd = { _ in task.cancel() }
        }
    }

    /// One message in, one out, answered synchronously on the loop: no task, no allocation beyond the message.
    package func unaryNow(_ path: String, _ body: @escaping ([UInt8], RPCStream) throws(RPCError) -> [UInt8]) {
        collect(path) { message, stream in
            do throws(RPCError) {
                Self.answer(stream, .success(try body(message, stream)))
            } catch {
                Self.answer(stream, .failure(error))
            }
        }
    }

    /// One message in, one out, answered on the loop at once or later: by `send` and `finish` on the stream, whose `onEnd` tells when the
    /// caller no longer waits.
    package func unaryLater(_ path: String, _ body: @escaping ([UInt8], RPCStream) -> Void) { collect(path, body) }

    /// Messages both ways as the handler likes: server, client and bidirectional streaming. The call ends `ok` when `body` returns.
    package func streaming(_ path: String, _ body: @escaping @Sendable (RPCCall) async throws -> Void) {
        let loop = loop
        handle(path) { stream in
            let call = RPCCall(stream, loop: loop)
            let reply = OnLoop(stream)
            let task = Task(executorPreference: loop.taskExecutor) {
                var status = RPCStatus.ok
                do { try await body(call) } catch { status = RPCError(handlerError: error).status }
                loop.execute { [status] in reply.value.finish(status) }
            }
            call.onEnd = { task.cancel() }
        }
    }

    /// Waits for the one message and the half-close that follows it.
    private func collect(_ path: String, _ body: @escaping ([UInt8], RPCStream) -> Void) { handle(path) { $0.unaryBody = body } }

    private static func answer(_ stream: RPCStream, _ result: Result<[UInt8], RPCError>) {
        switch result {
        case .success(let message):
            stream.send(message)
            stream.finish(.ok)
        case .failure(let error): stream.finish(error.status)
        }
    }
}

extension RPCError {
    /// What a client learns of an error that a handler threw.
    init(handlerError error: any Error) {
        switch error {
        case let error as RPCError: self = error
        case is CancellationError: self.init(.cancelled, "the handler was cancelled")
        default: self.init(.unknown, "\(error)", cause: error)
        }
    }
}
