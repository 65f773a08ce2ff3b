"""grpcio as client of our server. Usage: client.py TARGET CASE. Exits with 0 when the case went as it should."""
import sys
import threading
import time

import grpc

target, case = sys.argv[1], sys.argv[2]
options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
if len(sys.argv) > 3:
    folder = sys.argv[3]
    read = lambda name: open(f"{folder}/{name}", "rb").read()
    credentials = grpc.ssl_channel_credentials(read("ca.pem"), read("client.key"), read("client.pem"))
    channel = grpc.secure_channel(target, credentials, options=options + [("grpc.ssl_target_name_override", "localhost")])
else:
    channel = grpc.insecure_channel(target, options=options)


def method(kind, name):
    return getattr(channel, kind)(f"/test.Echo/{name}")


def check(condition, words):
    if not condition:
        raise SystemExit(f"{case}: {words}")


def expect_error(call, code):
    try:
        call()
    except grpc.RpcError as error:
        check(error.code() == code, f"got {error.code()}: {error.details()}, expected {code}")
        return error
    raise SystemExit(f"{case}: no error, expected {code}")


def unary():
    for count in (0, 1, 100, 16384, 1 << 20):
        message = bytes(i * 7 & 255 for i in range(count))
        check(method("unary_unary", "Unary")(message, timeout=10) == message, f"{count} bytes differ")
        check(method("unary_unary", "Async")(message, timeout=10) == message, f"{count} bytes differ")


def large():
    message = bytes(range(256)) * (1 << 16)
    check(method("unary_unary", "Unary")(message, timeout=30) == message, "16 MiB differ")


def many():
    call = method("unary_unary", "Unary")
    futures = [call.future(str(i).encode(), timeout=30) for i in range(1000)]
    check([f.result() for f in futures] == [str(i).encode() for i in range(1000)], "answers differ")


def server_stream():
    answers = list(method("stream_stream", "Repeat")(iter([b"\xc8" + b"x" * 50000]), timeout=30))
    check(len(answers) == 200 and all(len(a) == 50001 for a in answers), "answers differ")


def client_stream():
    answer = method("stream_unary", "Count")((b"x" * 10000 for _ in range(1000)), timeout=30)
    check(answer == b"10000000", f"counted {answer}")


def bidirectional():
    gate = threading.Semaphore(1)

    def messages():
        for i in range(200):
            gate.acquire()
            yield str(i).encode()

    count = 0
    for answer in method("stream_stream", "Stream")(messages(), timeout=30):
        check(answer == str(count).encode(), f"answer {count} is {answer}")
        count += 1
        gate.release()
    check(count == 200, f"{count} answers")


def deadline():
    start = time.monotonic()
    expect_error(lambda: method("unary_unary", "Never")(b"", timeout=0.2), grpc.StatusCode.DEADLINE_EXCEEDED)
    check(time.monotonic() - start < 5, "took too long")


def cancel():
    call = method("unary_unary", "Never").future(b"", timeout=30)
    threading.Timer(0.05, call.cancel).start()
    try:
        call.result()
        raise SystemExit("cancel: not cancelled")
    except grpc.FutureCancelledError:
        pass


def metadata():
    sent = (("x-text", "value"), ("x-data-bin", bytes(range(256))))
    answer, call = method("unary_unary", "Metadata").with_call(b"", timeout=10, metadata=sent)
    check(answer == b"value", f"the handler saw {answer}")
    got = dict(call.initial_metadata())
    check(all(got.get(k) == v for k, v in sent), f"got back {got}")


def error():
    got = expect_error(lambda: method("unary_unary", "Fail")("100 % ärgerlich\n".encode(), timeout=10), grpc.StatusCode.FAILED_PRECONDITION)
    check(got.details() == "100 % ärgerlich\n", f"details {got.details()!r}")
    check(dict(got.trailing_metadata()).get("reason") == "test", f"trailers {got.trailing_metadata()}")
    expect_error(lambda: method("unary_unary", "Nothing")(b"", timeout=10), grpc.StatusCode.UNIMPLEMENTED)


def health():
    check(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10) == b"\x08\x01", "not serving")
    expect_error(lambda: channel.unary_unary("/grpc.health.v1.Health/Check")(b"\x0a\x01x", timeout=10), grpc.StatusCode.NOT_FOUND)
    long = b"\x0a\xac\x02" + b"x" * 300
    expect_error(lambda: channel.unary_unary("/grpc.health.v1.Health/Check")(long, timeout=10), grpc.StatusCode.NOT_FOUND)
    check(channel.unary_unary("/grpc.health.v1.Health/Check")(b"\x7a\x01y", timeout=10) == b"\x08\x01", "an unknown field is refused")
    expect_error(lambda: next(channel.stream_stream("/grpc.health.v1.Health/Watch")(iter(()), timeout=10)), grpc.StatusCode.UNIMPLEMENTED)
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=10)
    check(next(iter(watch)) == b"\x08\x01", "not serving in watch")
    watch.cancel()


def refused():
    """What this server does not take ends its call, with a status, and the connection goes on."""
    call = method("unary_unary", "Unary")
    expect_error(lambda: call(b"x" * 1000, timeout=10, compression=grpc.Compression.Gzip), grpc.StatusCode.UNIMPLEMENTED)
    expect_error(lambda: call(b"", timeout=10, metadata=(("x-long", "y" * 45_000), ("x-longer", "y" * 45_000))), grpc.StatusCode.RESOURCE_EXHAUSTED)
    check(call(b"1", timeout=10) == b"1", "the connection is gone")


def slow_reader():
    """Reads nothing for a while: the server must wait, and everything must come in the end."""
    answers = method("stream_stream", "Repeat")(iter([b"\xff" + b"x" * (1 << 18)]), timeout=60)
    time.sleep(0.5)
    check(sum(len(a) for a in answers) == 255 * ((1 << 18) + 1), "bytes are missing")


globals()[case]()
