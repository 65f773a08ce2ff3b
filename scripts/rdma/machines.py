"""The machines of scripts/rdma-vm as seen from here: started, asked through their agents, ended."""

import json
import os
import selectors
import subprocess
import time

SCRIPTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Seconds until an emulated machine on a busy computer answers; alone it takes 6.
START_LIMIT = 120
# Seconds that an answer may take beyond what its request is allowed inside.
ANSWER_MARGIN = 30
MIB = 1 << 20
# Bytes of a value in one RDMA packet at most.
RDMA_PACKET = 4096


class StepFailure(Exception):
    """A step did not do what it must; the text is what its line says."""


class Machine:
    """One machine, named after its last part of 10.99.x.N."""

    def __init__(self, number, cable, seconds, memory):
        self.number = number
        # Lines that are no answers: of the machine itself, or of Python.
        self.strays = []
        self._unread = b""
        self._process = subprocess.Popen(
            [
                f"{SCRIPTS}/rdma-vm", "--input", "--cable", cable, "--machine", str(number), "--seconds", str(seconds),
                "--memory", str(memory), "--", "python3", f"{SCRIPTS}/rdma/machine-agent",
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def await_start(self):
        """Returns when the agent answers."""
        self._answer(START_LIMIT)

    def ask(self, do, seconds=10, **arguments):
        """What the agent answers; a `StepFailure` when it refuses. `seconds` is how long it may take inside."""
        if do in ("start_role", "finish", "run", "await_value", "await_text"):
            arguments["seconds"] = seconds
        request = json.dumps({"do": do, **arguments}) + "\n"
        try:
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise StepFailure(f"machine {self.number} is gone") from None
        answer = self._answer(seconds + ANSWER_MARGIN)
        if not answer["done"]:
            raise StepFailure(f"machine {self.number}: {answer['problem']}")
        return answer

    def run(self, *arguments, seconds=60):
        """The output and the seconds of a command that has to succeed."""
        return self._succeeded(arguments, self.ask("run", seconds, arguments=arguments))

    def begin(self, *arguments):
        """Starts a command that goes on beside other requests; one at a time."""
        self.ask("begin", name="begun", arguments=arguments)

    def finish(self, seconds):
        """The end of what was begun, which has to be a success."""
        return self._succeeded(["what was begun"], self.ask("finish", seconds, name="begun"))

    def end(self):
        """Lets the machine go; kills it when it does not."""
        try:
            self._process.communicate(b'{"do": "end"}\n', timeout=ANSWER_MARGIN)
        except (subprocess.TimeoutExpired, BrokenPipeError, ValueError):
            self.kill()

    def kill(self):
        """Ends the machine at once."""
        self._process.terminate()
        self._process.wait()

    def _succeeded(self, arguments, result):
        if result["status"] != 0:
            raise StepFailure(
                f"machine {self.number}: {' '.join(arguments)} ended with status {result['status']}: {result['output'].strip()[-1000:]}")
        return result

    def _answer(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" in self._unread:
                line, self._unread = self._unread.split(b"\n", 1)
                if line.startswith(b"{"):
                    return json.loads(line)
                self.strays.append(line.decode(errors="replace"))
            if not self._selector.select(max(deadline - time.monotonic(), 0)):
                raise StepFailure(f"machine {self.number} did not answer within {seconds} s")
            received = os.read(self._process.stdout.fileno(), 1 << 16)
            if not received:
                raise StepFailure(f"machine {self.number} ended: {' / '.join(self.strays[-5:])}")
            self._unread += received


class Received:
    """What a machine has received since this was made, by the kernel's counters: bytes at each network, packets of RDMA."""

    PATHS = [
        "/sys/class/net/eth0/statistics/rx_bytes",
        "/sys/class/net/eth1/statistics/rx_bytes",
        "/sys/class/infiniband/rxe1/ports/1/hw_counters/rcvd_pkts",
    ]

    def __init__(self, machine):
        self.machine = machine
        self.before = machine.ask("read", paths=self.PATHS)["values"]

    def since(self):
        """In the order of `PATHS`."""
        return [now - before for now, before in zip(self.machine.ask("read", paths=self.PATHS)["values"], self.before)]

    def describe(self):
        """For the line of a step."""
        ethernet, link, packets = self.since()
        return f"{ethernet / MIB:.1f} MiB by eth0, {link / MIB:.1f} MiB by eth1, {packets} RDMA packets"

    def prove(self, path, count):
        """Says by which path `count` bytes came; refuses another than `path`."""
        ethernet, _, packets = self.since()
        said = self.describe()
        came = {"tcp": ethernet >= count and packets < 16, "rdma": packets >= count // RDMA_PACKET and ethernet < count // 2 + MIB}
        if not came[path]:
            raise StepFailure(f"{count} bytes were to come by {path}, but: {said}")
        return said
