"""Writes the seed corpora of the RPC targets: well-formed conversations, and each kind of damage once. Run it in this folder."""
import os
import struct

SETTINGS, HEADERS, DATA, RST, PING, GOAWAY, WINDOW, CONTINUATION, PUSH = 4, 1, 0, 3, 6, 7, 8, 9, 5


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A field without indexing and without Huffman code."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def fields(*pairs):
    return b"".join(literal(n.encode(), v.encode()) for n, v in pairs)


def request(path="/probe/x", **more):
    base = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a"), ("te", "trailers")]
    return fields(*base, ("content-type", "application/grpc"), *((k.replace("_", "-"), v) for k, v in more.items()))


def message(body, flag=0):
    return bytes([flag]) + struct.pack(">I", len(body)) + body


def write(target, name, data):
    os.makedirs(f"Corpus/{target}", exist_ok=True)
    with open(f"Corpus/{target}/{name}", "wb") as file:
        file.write(data)


SERVER, CLIENT = b"\x05", b"\x04"  # with a correct preface
call = frame(HEADERS, 4, 1, request()) + frame(DATA, 1, 1, message(b"hello"))
seeds = {
    "unary": SERVER + call,
    "unary-pieces": b"\x07" + call,
    "no-preface": b"\x01" + call,
    "http1": b"\x01GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "tls-hello": b"\x01\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two-calls": SERVER + call + frame(HEADERS, 4, 3, request("/probe/m", x_text="v", x_a_bin="AAEC")) + frame(DATA, 1, 3, message(b"") * 3),
    "paused": SERVER + frame(HEADERS, 4, 1, request("/probe/p")) + frame(DATA, 0, 1, message(b"x" * 900)) * 4,
    "cancelled-by-handler": SERVER + frame(HEADERS, 4, 1, request("/probe/c")) + frame(DATA, 1, 1, message(b"x")),
    "failed-by-handler": SERVER + frame(HEADERS, 4, 1, request("/probe/f", x_a_bin="AAEC,/+8")) + frame(DATA, 1, 1, message(b"x")),
    "reset": SERVER + frame(HEADERS, 4, 1, request()) + frame(RST, 0, 1, struct.pack(">I", 8)) + frame(DATA, 1, 1, message(b"late")),
    "too-long": SERVER + frame(HEADERS, 4, 1, request()) + frame(DATA, 0, 1, b"\x00\xff\xff\xff\xff"),
    "compressed": SERVER + frame(HEADERS, 4, 1, request()) + frame(DATA, 1, 1, message(b"x", flag=1)),
    "cut-message": SERVER + frame(HEADERS, 4, 1, request()) + frame(DATA, 1, 1, b"\x00\x00\x00\x00\x09abc"),
    "get": SERVER + frame(HEADERS, 5, 1, fields((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"))),
    "bad-timeout": SERVER + frame(HEADERS, 4, 1, request(grpc_timeout="12x")) + frame(DATA, 1, 1, message(b"x")),
    "bad-base64": SERVER + frame(HEADERS, 4, 1, request(x_a_bin="?")) + frame(DATA, 1, 1, message(b"x")),
    "many-fields": SERVER + frame(HEADERS, 0, 1, request()) + frame(CONTINUATION, 4, 1, fields(*((f"x-{i}", "y" * 100) for i in range(60)))),
    "padded": SERVER + frame(HEADERS, 12, 1, b"\x04" + request() + b"\0" * 4) + frame(DATA, 9, 1, b"\x03" + message(b"x") + b"\0" * 3),
    "ping-window": SERVER + frame(PING, 0, 0, b"12345678") + frame(WINDOW, 0, 0, struct.pack(">I", 1000)) + call,
    "window-overflow": SERVER + call + frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF)) * 2,
    "settings-window": SERVER + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)) + call + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 70000)),
    "bad-settings": SERVER + frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1)),
    "data-on-zero": SERVER + frame(DATA, 1, 0, message(b"x")),
    "bad-hpack": SERVER + frame(HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff"),
    "goaway": SERVER + call + frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0) + b"bye"),
    "flood": SERVER + frame(SETTINGS, 0, 0) * 50 + frame(PING, 0, 0, b"12345678") * 50,
    "many-streams": SERVER + b"".join(frame(HEADERS, 4, i, request()) for i in range(1, 41, 2)),
}
answer = fields((":status", "200"), ("content-type", "application/grpc"))
seeds |= {
    "client-ok": CLIENT + frame(HEADERS, 4, 1, answer) + frame(DATA, 0, 1, message(b"hi")) + frame(HEADERS, 5, 1, fields(("grpc-status", "0"))),
    "client-pieces": b"\x06" + frame(HEADERS, 4, 1, answer) + frame(DATA, 0, 1, message(b"hi")) + frame(HEADERS, 5, 1, fields(("grpc-status", "0"))),
    "client-trailers-only": CLIENT + frame(HEADERS, 5, 1, answer + fields(("grpc-status", "9"), ("grpc-message", "a%20b%zz%"))),
    "client-paused": CLIENT + frame(HEADERS, 4, 7, answer) + frame(DATA, 0, 7, message(b"q" * 500)) + frame(HEADERS, 5, 7, fields(("grpc-status", "0"))),
    "client-no-status": CLIENT + frame(HEADERS, 4, 1, answer) + frame(DATA, 1, 1, message(b"hi")),
    "client-http-error": CLIENT + frame(HEADERS, 4, 1, fields((":status", "502"), ("content-type", "text/html"))) + frame(DATA, 1, 1, b"<html>"),
    "client-informational": CLIENT + frame(HEADERS, 4, 1, fields((":status", "103"))) + frame(HEADERS, 5, 1, answer + fields(("grpc-status", "0"))),
    "client-refused": CLIENT + frame(RST, 0, 1, struct.pack(">I", 7)) + frame(RST, 0, 3, struct.pack(">I", 11)),
    "client-goaway": CLIENT + frame(GOAWAY, 0, 0, struct.pack(">II", 1, 11) + b"too many"),
    "client-push": CLIENT + frame(PUSH, 4, 1, struct.pack(">I", 2) + request()),
    "client-unknown-stream": CLIENT + frame(HEADERS, 4, 99, answer),
    "client-bad-status": CLIENT + frame(HEADERS, 5, 1, answer + fields(("grpc-status", "999"), ("x-a-bin", "!"))),
}
for name, data in seeds.items():
    write("rpc-session", name, data)
write("rpc-messages", "two", b"\x03" + message(b"one") + message(b"two two"))
write("rpc-messages", "empty", b"\x01" + message(b"") * 3)
write("rpc-messages", "cut", b"\x04" + message(b"whole") + message(b"x" * 40)[:20])
write("rpc-messages", "flag", b"\x02" + message(b"a") + message(b"b", flag=7))
write("rpc-messages", "timeout", b"\x0599999999H")
write("rpc-messages", "percent", b"\x05%41%zz%")
write("rpc-messages", "field", b"\x05grpc-timeout1000000000mm")
