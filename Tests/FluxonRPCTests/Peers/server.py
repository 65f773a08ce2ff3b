"""grpcio as server for our client. Prints its port, serves until its standard input ends. Usage: server.py [FOLDER-OF-CERTIFICATES]"""
import sys
from concurrent import futures

import grpc


def unary(message, context):
    return message


def fail(message, context):
    context.set_trailing_metadata((("reason", "test"), ("data-bin", b"\x00\xff")))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message.decode())


cancelled = []


def never(message, context):
    ended = futures.Future()
    context.add_callback(lambda: ended.set_result(None))
    ended.result(timeout=30)
    cancelled.append(message)
    return b""


def was_cancelled(message, context):
    return b"yes" if message in cancelled else b"no"


def remaining(message, context):
    return str(context.time_remaining()).encode()


def metadata(message, context):
    got = dict(context.invocation_metadata())
    context.send_initial_metadata(tuple((k, v) for k, v in got.items() if k.startswith("x-")))
    return got.get("x-text", "none").encode()


def repeat(messages, context):
    for message in messages:
        for _ in range(message[0]):
            yield message


def count(messages, context):
    return str(sum(len(m) for m in messages)).encode()


def stream(messages, context):
    yield from messages


def late_fail(messages, context):
    context.send_initial_metadata(())
    for _ in messages:
        pass
    context.abort(grpc.StatusCode.ABORTED, "late")


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Never": grpc.unary_unary_rpc_method_handler(never),
    "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    "Remaining": grpc.unary_unary_rpc_method_handler(remaining),
    "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
    "Repeat": grpc.stream_stream_rpc_method_handler(repeat),
    "Count": grpc.stream_unary_rpc_method_handler(count),
    "LateFail": grpc.stream_stream_rpc_method_handler(late_fail),
    "Stream": grpc.stream_stream_rpc_method_handler(stream),
}
server = grpc.server(
    futures.ThreadPoolExecutor(32),
    options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20), ("grpc.so_reuseport", 0)],
)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
if len(sys.argv) > 1:
    read = lambda name: open(f"{sys.argv[1]}/{name}", "rb").read()
    credentials = grpc.ssl_server_credentials([(read("server.key"), read("server.pem"))], read("ca.pem"), True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(0)
