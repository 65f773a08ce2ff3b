"""Writes the seed corpora of all targets but the RPC's: each kind of message well formed, and a few damaged. Run it in this folder."""
import os
import struct


def write(target, name, data):
    os.makedirs(f"Corpus/{target}", exist_ok=True)
    with open(f"Corpus/{target}/{name}", "wb") as file:
        file.write(data)


# --- protobuf's wire format -----------------------------------------------------------------------------------------------------
def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def fixed64(field, value):
    return varint(field << 3 | 1) + struct.pack("<Q", value)


def text(field, *parts):
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


def version(field, term=3, sequence=9):
    return text(field, number(1, term), number(2, sequence))


def reference(field):
    return text(field, number(1, 2), number(2, 5), number(3, 77))


# --- link: owner and master -----------------------------------------------------------------------------------------------------
def frame(*parts, first=1, acknowledged=0):
    return number(1, 3) + number(2, 0xABCDEF) + number(3, first) + number(4, acknowledged) + b"".join(parts)


commit = number(1, 7) + text(2, "key") + number(4, 4096)
owner_messages = {
    "commit": text(1, commit),
    "commit-condition": text(1, commit, number(5, 3), version(6)),
    "remove": text(1, number(1, 8), text(2, "key"), number(3, 1), number(5, 2)),
    "taken": number(2, 7),
    "confirm": number(3, 12),
    "lookup": text(4, number(1, 5), text(2, "key"), number(3, 1)),
    "drop": text(5, version(1), text(2, "key")),
    "report": text(6, text(1, version(1), text(2, "key"), number(3, 10), reference(4)), text(2, commit), number(3, 1)),
    "unreachable": text(20, text(1, varint(2), varint(300))),
}
hello = text(5, text(1, "demo"), text(2, "owner-1"), fixed64(3, 99), number(4, 2), number(5, 1), number(6, 7), number(7, 3), number(8, 4))
master_messages = {
    "done": text(1, number(1, 7), number(2, 1), version(3), number(4, 1)),
    "done-condition": text(1, number(1, 7), number(2, 2)),
    "done-unknown": text(1, number(1, 7), number(2, 3)),
    "invalidate": text(2, number(1, 4), text(2, "key"), reference(3)),
    "settled": text(3, number(1, 2), number(2, 9)),
    "restore": text(4, version(1), text(2, "key")),
    "found": text(5, number(1, 5), version(2), number(3, 4096), number(4, 1), number(5, 1), text(6, varint(1), varint(300))),
    "found-relayed": text(
        5, number(1, 5), version(2), number(3, 4096), number(4, 1), number(5, 1), text(6, varint(1), varint(3)), text(20, varint(0), varint(4))
    ),
    "found-nothing": text(5, number(1, 5)),
    "found-metadata": text(5, number(1, 5), version(2), number(3, 4096)),
}
controls = {
    "welcome": text(5, number(1, 2), number(2, 5), number(3, 1), number(4, 8), number(5, 1)),
    "welcome-relaying": text(5, number(1, 2), number(2, 5), number(20, 1)),
    "refused": text(6, number(1, 2), text(2, "not your turn")),
    "grant": text(7, fixed64(1, 1 << 50), number(2, 3_000_000_000), number(3, 4)),
}


def lengths(*frames):
    return b"".join(struct.pack("<H", len(one)) + one for one in frames)


for name, message in owner_messages.items():
    write("link-frames", f"owner-{name}", b"\x03" + frame(text(8, message)))
for name, message in master_messages.items():
    write("link-frames", f"master-{name}", b"\x02" + frame(text(8, message)))
for name, control in controls.items():
    write("link-frames", f"master-{name}", b"\x02" + frame(control))
write("link-frames", "owner-hello", b"\x03" + frame(hello))
relaying = hello[2:] + number(20, 1) + number(21, 1) + text(22, "rack-7")
write("link-frames", "owner-hello-relaying", b"\x03" + frame(text(5, relaying)))
write("link-frames", "owner-heartbeat", b"\x03" + frame(text(6, fixed64(1, 1 << 50))))
two = frame(text(8, owner_messages["commit"]), text(8, owner_messages["lookup"]), first=1, acknowledged=1)
write("link-frames", "owner-session", b"\x01" + lengths(frame(hello), two, two, frame(text(8, owner_messages["taken"]), first=3, acknowledged=2)))
write("link-frames", "owner-gap", b"\x01" + lengths(frame(text(8, owner_messages["taken"]), first=3)))
write("link-frames", "owner-unsent", b"\x01" + lengths(frame(acknowledged=40)))
write("link-frames", "owner-last-number", b"\x01" + lengths(frame(text(8, owner_messages["taken"]), first=(1 << 64) - 1)))
settled = frame(text(8, master_messages["settled"]), acknowledged=2)
write("link-frames", "master-session", b"\x00" + lengths(frame(controls["welcome"]), settled, frame(controls["grant"])))
write("link-frames", "master-backwards", b"\x02" + frame(text(8, text(3, number(1, 9), number(2, 2)))))

# --- process and owner ----------------------------------------------------------------------------------------------------------
extent = text(1, number(1, 4096), number(2, 8192))


def condition(field, kind):
    return text(field, number(1, kind), version(2) if kind == 3 else b"")


requests = {
    "reserve": text(3, number(1, 4096), number(2, 4)),
    "commit": text(4, number(1, 9), text(2, "key"), text(3, number(1, 4096), number(2, 8192)), number(4, 5000), condition(5, 3)),
    "remove": text(5, number(1, 9), text(2, "key"), condition(3, 2)),
    "get": text(6, text(1, "key"), number(2, 1), number(3, 1)),
    "inspect": text(7, text(1, "key")),
    "confirm": text(8, number(1, 1), number(2, 512)),
    "cancel": text(9),
    "give-back": text(10, extent, extent),
    "unmapped": text(11, extent),
    "upload": text(12, number(1, 9), text(2, "key"), number(3, 10), number(4, 5), text(5, "bytes"), condition(6, 1)),
    "leave": text(13),
}
for name, body in requests.items():
    write("local-messages", f"request-{name}", b"\x01" + text(1, varint(3), varint(300)) + text(2, number(1, 1), number(2, 30_000_000), body))
grant = text(1, number(1, 4096), number(2, 8192)) + text(2, number(1, 1 << 20), number(2, 1 << 16))
answers = {
    "granted": text(2, grant),
    "committed": text(3, number(1, 9), text(2, grant), version(3)),
    "condition-failed": text(3, number(1, 9), text(4, version(1))),
    "commit-failed": text(3, number(1, 9), text(5, number(1, 6), text(2, "no room"))),
    "handover": text(4, number(1, 3), number(2, 5), number(3, 1 << 40), text(4, number(1, 4096), number(2, 8192)), number(5, 5000), version(6)),
    "part": text(5, version(1), number(2, 10), number(3, 5), text(4, "bytes")),
    "absent": text(6),
    "described": text(7, number(1, 5000), version(2)),
    "failed": text(8, number(1, 4), text(2, "cut off")),
    "recall": text(9, extent),
    "pin-words": number(10, 1024),
}
for name, body in answers.items():
    write("local-messages", f"answer-{name}", b"\x00" + text(1, number(1, 1), body))
write("local-messages", "answer-extent-past-the-end", b"\x00" + text(1, number(1, 1), text(9, text(1, number(1, (1 << 64) - 1), number(2, 8192)))))
write("local-messages", "request-cut", b"\x01" + text(2, number(1, 1), requests["commit"])[:-4])

# --- control --------------------------------------------------------------------------------------------------------------------
member = (
    number(1, 2) + text(2, "owner-1") + number(3, 4) + text(4, "f00d") + text(5, "10.0.0.1:7400") + text(6, "10.0.0.1:7401")
    + text(7, "/run/fluxon/owner/owner.sock") + text(8, "host") + number(9, 4711) + number(10, 1 << 32) + text(11, "rack-7") + number(12, 2)
)
path = text(1, "rdma mlx5_0") + number(2, 1) + number(3, 1 << 30) + number(4, 2) + text(5, "lost") + number(6, 100) + number(7, 5)
device = (
    text(1, "mlx5_0") + number(2, 1) + number(3, 4) + text(4, "no memlock") + text(5, "Ethernet") + text(6, "fe80::1") + number(7, 3)
    + text(8, "RoCE v2") + text(9, "10.0.0.1:7500") + number(10, 4096) + number(11, 1) + number(12, 100) + number(13, 1 << 40)
)
network = (
    text(1, device) * 2 + text(2, text(1, "owner-2"), text(2, "tcp"), number(3, 1), text(4, path) * 2) + number(3, 1) + text(4, path)
    + number(5, 1) + text(6, "disabled=mlx5_1") + number(7, 8) + text(8, "none")
)
control = {
    0: {"join": number(1, 1) + text(2, "demo") + text(3, member), "join-nobody": number(1, 1) + text(2, "demo")},
    1: {"joined": number(1, 1) + number(2, 3)},
    2: {"members": text(1, "demo") + number(2, 3) + text(3, text(1, member), text(2, "in"), number(3, 250)) * 2},
    3: {"status": text(1, text(1, "owner"), text(2, text(1, "keys"), text(2, "12")) * 2)},
    4: {"ticket-request": text(1, "key") + number(2, 3) + number(3, 9) + text(4, "owner-2") + number(5, 4), "ticket-request-relayed": text(1, "key") + number(2, 3) + number(3, 9) + text(4, "owner-2") + number(5, 4)
        + number(20, 2) + number(21, 4096) + number(22, 8192)},
    5: {"ticket": number(1, 1) + text(2, b"t" * 16) + number(3, 5000) + number(4, 1), "gone": number(1, 2), "not-yet": number(1, 3), "busy": number(1, 20),
        "unreachable": number(1, 21)},
    6: {"network-request": text(1, "owner-1") + number(2, 7) + number(3, 256) + number(4, 1)},
    7: {"network-report": text(1, text(1, "owner-1"), text(2, network), text(4, "only=mlx5_0"), number(5, 8)) + text(2, "no master")},
    8: {
        "network-disable": text(1, "owner-1") + number(2, 2) + text(3, "mlx5_0") + text(3, "mlx5_1"),
        "network-enable-all": text(1, "owner-1") + number(2, 4),
    },
    9: {"network-changed": text(1, "disabled=mlx5_0") + number(2, 9) + number(3, 1)},
    10: {"settings-disabled": b"disabled=mlx5_0,mlx5_1", "settings-only": b"only=mlx5_1 rails=2", "settings-both": b"disabled=a only=b"},
}
for kind, seeds in control.items():
    for name, data in seeds.items():
        write("control-messages", name, bytes([kind]) + data)


# --- handshake: fixed places, little endian -------------------------------------------------------------------------------------
def places(count, *fields):
    data = bytearray(count)
    for offset, value in fields:
        data[offset:offset + len(value)] = value
    return bytes(data)


def name(value):
    return struct.pack("<H", len(value)) + value.encode()


request = [(0, b"FXA1"), (4, struct.pack("<III", 576, 1, 3)), (16, struct.pack("<QQ", 5, 2)), (32, name("demo")), (292, name("worker"))]
answer = [
    (0, b"FXA1"), (4, struct.pack("<IIHHII", 1008, 1, 0, 0, 3, 4)), (24, struct.pack("<QQQQQQ", 5, 2, 1 << 40, 1 << 50, 1 << 30, 512)),
    (80, name("demo")), (340, name("owner-1")),
]
write("attach-handshake", "request", b"\x01" + places(576, *request))
write("attach-handshake", "request-longer", b"\x01" + places(640, *request, (4, struct.pack("<I", 640))))
write("attach-handshake", "request-name-too-long", b"\x01" + places(576, *request, (32, b"\xff\xff")))
write("attach-handshake", "request-not-text", b"\x01" + places(576, *request, (34, b"\xff\xfe\xfd\xfc")))
write("attach-handshake", "answer", b"\x00" + places(1008, *answer))
write("attach-handshake", "refusal", b"\x00" + places(1008, *answer, (12, b"\x07\x00"), (600, name("the pool is of another cluster"))))
write("attach-handshake", "other-protocol", b"\x00PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

# --- bulk transfers -------------------------------------------------------------------------------------------------------------
greeting = b"FXT1" + struct.pack("<HHHHIQ", 1, 4, 7, 0, 0, 5) + b"demo" + b"owner-1"
asked = b"FXRQ" + struct.pack("<IQQQQQQ", 1 << 18, 1, 2, 3, 9, 4096, 1 << 20)
write("transfer-frames", "greeting", b"\x00\xff" + greeting)
write("transfer-frames", "greeting-cut", b"\x00\x10" + greeting)
write("transfer-frames", "greeting-of-another-version", b"\x00\xff" + b"FXT1\x09\x00")
write("transfer-frames", "request", b"\x01\xff" + asked)
write("transfer-frames", "request-past-the-end", b"\x01\xff" + asked[:-8] + b"\xff" * 8)
write("transfer-frames", "response", b"\x02\xff" + b"FXRS" + struct.pack("<HHQ", 0, 0, 5000))
write("transfer-frames", "refused", b"\x02\x07" + b"FXRS" + struct.pack("<HHQ", 3, 0, 0))
placed = b"FXRS" + struct.pack("<HHQII", 0, 0, 100, 2, 0)
write("transfer-frames", "rdma-answer", b"\x03\x00" + placed + struct.pack("<QQQQQQ", 1 << 40, 70, 9, 5, 30, 0xFFFFFFFF))
write("transfer-frames", "rdma-answer-past-the-end", b"\x03\x00" + placed + struct.pack("<QQQQQQ", (1 << 64) - 1, 70, 9, 5, 30, 1))
write("transfer-frames", "rdma-answer-with-bytes", b"\x03\x00" + b"FXRS" + struct.pack("<HHQQ", 0, 0, 5, 0) + b"bytes")
write("transfer-frames", "rdma-done", b"\x04\x00" + b"FXDN" + struct.pack("<IQQ", 0, 1, 2))

# --- texts ----------------------------------------------------------------------------------------------------------------------
for kind, role in enumerate(["master", "owner", "external"]):
    with open(f"../deploy/config/{role}.yaml", encoding="utf-8") as file:
        lines = file.read().splitlines()
    # Without the explanations and with every key that stands there as an example.
    plain = [line for line in lines if not line.lstrip().startswith("#") and line]
    example = [line.replace("# ", "", 1) for line in lines if line.startswith("# ") and (":" in line) and not line[2].isupper()]
    write("configuration", role, bytes([kind]) + "\n".join(plain).encode())
    write("configuration", f"{role}-everything", bytes([kind]) + "\n".join(plain + example).encode())
write("configuration", "sizes", b"\x01contribute_to_cluster_pool_size: {dram: 1.5GiB}\nsub_cluster: rack-7\n")
write("configuration", "aliases", b"\x00a: &a [1, *a]\nb: *a\n<<: *a\n")
write("configuration", "deep", b"\x00" + b"[" * 300)
write("configuration", "nothing", b"\x00")
for number_, value in enumerate(["1.5 GiB", "18446744073709551615TB", "2min", "a=b c=", "https://[::1]:2379/", "host:65535"]):
    write("configuration", f"text-{number_}", b"\x03" + value.encode())
shared = (
    b'{\n  "protocol_version": 1,\n  "cluster_name": "demo",\n  "sub_cluster": null,\n  "owner": "owner-1",\n  "epoch": 18446744073709551615,\n'
    b'  "pool": "/dev/shm/f/pool",\n  "index_slots": 65536,\n  "socket": "/run/f/owner.sock",\n  "etcd_endpoints": ["http://127.0.0.1:2379"]\n}\n'
)
write("shared-json", "owner", shared)
write("shared-json", "newer", shared.replace(b"null", b'"rack-7", "more": [1, {"deep": [null, true]}]'))
write("shared-json", "other-version", shared.replace(b"1,", b"9,", 1))
write("shared-json", "wrong-types", shared.replace(b"65536", b"-1"))
write("json", "all", b'{"a": [1, -2, 3.5e-7, 1E400, 18446744073709551615], "b": {"c": null, "d": [true, false]}, "e": "\\u00e9\\ud83d\\ude00\\n\\\\"}')
for number_, value in enumerate(["-0", "1e5", "0.1", "1e308", "-9223372036854775808", "[]", "{}", '""', '"\\ud800"', "[" * 70, '{"a":1,"a":2}', "1e-400"]):
    write("json", f"value-{number_}", value.encode())


# --- pool file: records of area, place and word ---------------------------------------------------------------------------------
def damage(area, place, word, late=False):
    return struct.pack("<BHQ", area | (0x80 if late else 0), place, word)


for offset in range(0, 88, 8):
    write("pool-file", f"header-{offset}-most", damage(0, offset // 8, (1 << 64) - 1))
    write("pool-file", f"header-{offset}-less", damage(0, offset // 8, 0x1000))
for place, what in enumerate(["epoch", "deadline", "table-shift", "entries-granted"]):
    write("pool-file", f"changing-{what}", damage(0, 16 + place, (1 << 63) + 5, late=True))
for place, what in enumerate(["word", "extent", "length", "flags-and-key-length", "key", "second-key-word"]):
    for entry in (0, 5):
        write("pool-file", f"entry-{entry}-{what}", damage(2, entry * 16 + place, (1 << 64) - 8, late=True))
write("pool-file", "long-key-elsewhere", damage(2, 5 * 16 + 4, 0xFFFFFFFFFFFFFF00))
write("pool-file", "cells", b"".join(damage(1, place, place * 0x1000100010001, late=True) for place in range(60)))
write("pool-file", "overflow-everywhere", b"".join(damage(1, 8 * bucket + 7, 1) for bucket in range(64)))
write("pool-file", "nothing", b"\0")

# --- the line of a folder -------------------------------------------------------------------------------------------------------
for name_, line in {
    "own": "generation=7 instance=owner-1", "another": "generation=7 instance=owner-2", "last": "instance=owner-1 generation=18446744073709551615",
    "beyond": "generation=18446744073709551616 instance=owner-1", "signed": "generation=+7 instance=owner-1", "no-words": "generation instance",
    "twice": "generation=7 generation=8 instance=owner-1", "end-of-line": "generation=7 instance=owner-1\n", "not-text": "",
}.items():
    write("fencing-attestation", name_, line.encode() or b"generation=\xff instance=owner-1")


# --- TLS: a mode, then blocks of bytes for one side, or what both sides say and how it travels (TLSStage.step) ---------------------------
def block(data):
    return bytes([len(data) - 1]) + data


def blocks(data):
    return b"".join(block(data[start:start + 200]) for start in range(0, len(data), 200))


def sized(data, width=2):
    return len(data).to_bytes(width, "big") + data


def extension(kind, data):
    return struct.pack(">H", kind) + sized(data)


client_hello = b"\x03\x03" + b"r" * 32 + sized(b"s" * 32, 1) + sized(b"\x13\x01\x13\x02\x13\x03") + b"\x01\x00" + sized(
    extension(43, sized(b"\x03\x04", 1)) + extension(10, sized(b"\x00\x1d\x00\x17")) + extension(13, sized(b"\x04\x03\x08\x04"))
    + extension(51, sized(b"\x00\x1d" + sized(b"k" * 32))) + extension(16, sized(sized(b"fluxon-bulk", 1))) + extension(0, sized(b"\0" + sized(b"localhost")))
)
server_hello = b"\x03\x03" + b"r" * 32 + sized(b"s" * 32, 1) + b"\x13\x01\x00" + sized(
    extension(43, b"\x03\x04") + extension(51, b"\x00\x1d" + sized(b"k" * 32)))
records = {
    "client-hello": b"\x00" + blocks(b"\x16\x03\x01" + sized(b"\x01" + sized(client_hello, 3))),
    "client-hello-cut": b"\x00" + blocks(b"\x16\x03\x01" + sized(b"\x01" + sized(client_hello, 3)))[:-20],
    "http": b"\x00" + block(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "alert": b"\x00" + block(b"\x15\x03\x03\x00\x02\x02\x28"),
    "server-hello": b"\x01" + blocks(b"\x16\x03\x03" + sized(b"\x02" + sized(server_hello, 3)) + b"\x14\x03\x03\x00\x01\x01"),
    "too-long-a-record": b"\x01" + block(b"\x17\x03\x03\xff\xff" + b"x" * 100),
}
to_server, to_client = b"\x01\x05", b"\x00\x05"
agreed = to_server + to_client + to_server
said = b"\x01\x00" + block(b"hello") + to_server + b"\x00\x00" + block(b"hello back") + to_client
for name_, mode, steps in [
    ("both", 2, agreed + said), ("no-certificate", 6, agreed + said), ("other-protocol", 10, agreed + said), ("long", 2, agreed + b"\x01\x01a" + to_server),
    ("in-pieces", 2, (b"\x01\x03\x50" * 12 + b"\x00\x03\x50" * 30) * 2 + said), ("closed", 2, agreed + said + b"\x01\x02\x00" + to_server + said),
    ("bit-turned", 2, agreed + b"\x01\x00" + block(b"hello") + b"\x01\x04\x00\x07\x00\x03" + said), ("cut", 2, agreed + b"\x01\x00" + block(b"hello") + b"\x01\x04\x00\x09\x01" + said),
    ("twice", 2, agreed + b"\x01\x00" + block(b"hello") + b"\x01\x04\x00\x00\x02" + said), ("hello-damaged", 2, b"\x01\x04\x00\x60\x00\x01" + to_client + agreed + said),
    ("certificate-damaged", 2, to_server + b"\x00\x04\x01\x10\x00\x02" + to_server + said),
]:
    records[name_] = bytes([mode]) + steps
for name_, data in records.items():
    write("tls-records", name_, data)

# --- an owner's answers to a store: what kind of process, then calls and answers (OwnerLinkTarget.step) ----------------------------------
most = b"\xff"
reserved, put, get, inspected = b"\x04\x00\x00\x64\x01\x01", b"\x04\x00\x01\x02", b"\x04\x00\x02\x01", b"\x04\x00\x03"
granted, refilled = b"\x08\x00\x00\x00\x01\x02", b"\x01\x02"
committed = b"\x08\x00\x00\x03\x01\x00\x09" + refilled


def one_answer(body):
    return b"\x08\x00\x00" + body


for name_, data in {
    "put": b"\x00" + reserved + granted + put + committed + put + committed,
    "get": b"\x00" + get + one_answer(b"\x05\x00\x07") + get + one_answer(b"\x05\x01\x02\xff") + one_answer(b"\x09"),
    "get-by-parts": b"\x03" + get + one_answer(b"\x07" + block(b"hello") + b"\x01\x05\x00"),
    "parts-out-of-order": b"\x03" + get + one_answer(b"\x07" + block(b"hello") + b"\x00\x01\x01\x05\x05"),
    "a-part-of-everything": b"\x03" + get + one_answer(b"\x07" + block(b"hello") + b"\x00" + most + b"\x01\x05\x00"),
    "upload": b"\x03" + put + committed,
    "described": b"\x00" + inspected + one_answer(b"\x0a" + most + b"\x01\x05"),
    "failed": b"\x00" + get + one_answer(b"\x0b\x06"),
    "recalled": b"\x00" + reserved + granted + put + one_answer(b"\x0c\x01" + most + b"\x01" + b"\x00\x01") + one_answer(b"\x0c\x01\x00\x01" + b"\x40\x00"),
    "pin-words": b"\x00" + one_answer(b"\x0d" + most) + get + one_answer(b"\x05\x00\x07"),
    "extents-of-everything": b"\x00" + reserved + one_answer(b"\x00\x03\x03" + (b"\x00\x01" + most + b"\x01") * 3 + b"\x00") * 3,
    "a-span-of-everything": b"\x00" + reserved + one_answer(b"\x00\x03\x01\x00\x01\x40\x01\x01\x00\x01" + b"\xfe\x00\x00\x00\x00\x00\x20\x00\x00\x01"),
    "another-life": b"\x00" + reserved + granted + put + b"\x00\x00" + get + committed + b"\x00\x01" + one_answer(b"\x09"),
    "no-message": b"\x00" + get + b"\x01" + block(b"\xff" * 12) + b"\x00\x01" + one_answer(b"\x09"),
    "cancelled": b"\x00" + get + b"\x02\x00" + one_answer(b"\x09") + b"\x03",
}.items():
    write("owner-link", name_, data)
