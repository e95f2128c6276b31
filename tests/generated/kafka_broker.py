"""A broker that speaks Kafka's protocol, for tests: librdkafka's mock cluster in a process of its own.

Knows how to start it (in a session of its own), to make topics, to take brokers down and up, to slow
them, to let single requests fail, and to end it. Refuses to promise what a mock cluster has not:
durability, leader election and retention. A broker of your own takes its place when the variable
`KAFKA_BOOTSTRAP` names one; the tests that inject faults into the broker are then left out.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

STARTED_WITHIN_S = 20.0
API_KEYS = {"produce": 0, "fetch": 1, "commit": 8, "heartbeat": 12, "end_txn": 26}
"""Numbers of requests in the protocol, for `fail_next`."""


class Broker:
    """A running mock cluster.

    Attributes:
        bootstrap: `host:port`, as clients want it.
        name: the only broker's number.
    """

    def __init__(self, brokers: int = 1) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(brokers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.bootstrap = self._read()

    def make_topic(self, topic: str, *, partitions: int = 1) -> str:
        """Make a topic; returns its name."""
        self._tell(f"topic {topic} {partitions}")
        return topic

    def go_down(self) -> None:
        """Close every connection and refuse new ones, as a broker that is away."""
        self._tell("down")

    def come_up(self) -> None:
        """Listen again at the same address."""
        self._tell("up")

    def answer_after(self, delay_ms: int) -> None:
        """Let every answer wait so long; 0 is the normal pace."""
        self._tell(f"rtt {delay_ms}")

    def fail_next(self, request: str, *codes: int) -> None:
        """Answer the next requests of a kind with these errors of the protocol, one each.

        Args:
            request: a key of `API_KEYS`.
            codes: numbers of the protocol; a negative one drops the connection without an answer.
        """
        self._tell(f"fail {API_KEYS[request]} {' '.join(map(str, codes))}")

    def forget_failures(self, request: str) -> None:
        """Take back what `fail_next` has left over."""
        self._tell(f"heal {API_KEYS[request]}")

    def freeze(self) -> None:
        """Stop the whole process: connections stay open and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process; safe to call twice."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if answer != "ok":
            raise RuntimeError(f"The mock cluster refused `{command}`: {answer}")

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("The mock cluster has ended.")
        return line


# ── the other process ────────────────────────────────────────────────────────────────────────────


def _library() -> ctypes.CDLL:
    """Load the librdkafka that confluent-kafka brings along."""
    import confluent_kafka  # its own dependencies are loaded with it

    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    path = next(folder.glob("librdkafka-*.so*"))
    library = ctypes.CDLL(str(path))
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, returns, takes in (
        ("rd_kafka_new", handle, [number, handle, text, ctypes.c_size_t]),
        ("rd_kafka_conf_new", handle, []),
        ("rd_kafka_mock_cluster_new", handle, [handle, number]),
        ("rd_kafka_mock_cluster_bootstraps", text, [handle]),
        ("rd_kafka_mock_topic_create", number, [handle, text, number, number]),
        ("rd_kafka_mock_broker_set_down", number, [handle, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", number, [handle, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_rtt", number, [handle, ctypes.c_int32, number]),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, [handle, ctypes.c_int32]),
        (
            "rd_kafka_mock_push_request_errors_array",
            None,
            [handle, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number)],
        ),
        ("rd_kafka_mock_clear_request_errors", None, [handle, ctypes.c_int16]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    return library


def _host(brokers: int) -> None:
    """Start the cluster, say where it is, obey commands until the input ends."""
    library = _library()
    reason = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(0, library.rd_kafka_conf_new(), reason, 512)
    cluster = library.rd_kafka_mock_cluster_new(client, brokers)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 100)
    _say(library.rd_kafka_mock_cluster_bootstraps(cluster).decode())
    numbers = range(1, brokers + 1)
    for line in sys.stdin:
        word, *rest = line.split()
        failed = 0
        if word == "topic":
            failed = library.rd_kafka_mock_topic_create(cluster, rest[0].encode(), int(rest[1]), 1)
        elif word == "down":
            failed = sum(library.rd_kafka_mock_broker_set_down(cluster, each) for each in numbers)
        elif word == "up":
            failed = sum(library.rd_kafka_mock_broker_set_up(cluster, each) for each in numbers)
        elif word == "rtt":
            failed = sum(
                library.rd_kafka_mock_broker_set_rtt(cluster, each, int(rest[0])) for each in numbers
            )
        elif word == "fail":
            codes = [int(each) for each in rest[1:]]
            library.rd_kafka_mock_push_request_errors_array(
                cluster, int(rest[0]), len(codes), (ctypes.c_int * len(codes))(*codes)
            )
        elif word == "heal":
            library.rd_kafka_mock_clear_request_errors(cluster, int(rest[0]))
        _say("ok" if failed == 0 else f"error {failed}")
    os._exit(0)  # librdkafka's own threads are not waited for


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _host(int(sys.argv[1]))
