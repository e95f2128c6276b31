"""A broker that speaks Kafka's protocol, for tests: librdkafka's mock cluster in a process of its own.

Knows how to start it (in a session of its own), to make topics, to take brokers down and up, to slow
them, to let single requests fail, and to end it. Refuses to promise what a mock cluster has not:
durability, leader election, topics made by clients, and transactions that hide
what was aborted: those of a mock cluster only speak the protocol.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka  # its own dependencies are loaded with it
import pytest

API_KEYS = {
    "produce": 0,
    "fetch": 1,
    "commit": 8,
    "heartbeat": 12,
    "init_producer": 22,
    "end_transaction": 26,
    "commit_in_transaction": 28,
}
"""Numbers of requests in the protocol."""


class Broker:
    """A running mock cluster.

    Attributes:
        bootstrap: `host:port`, as clients want it.
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

    def watch(self) -> None:
        """Count requests from now on."""
        self._tell("watch")

    def seen(self) -> dict[str, int]:
        """How many requests of each kind of `API_KEYS` have come since `watch`."""
        counts = dict.fromkeys(API_KEYS, 0)
        for number in map(int, self._tell("seen").split()):
            for name, key in API_KEYS.items():
                counts[name] += key == number
        return counts

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

    def _tell(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if not answer.startswith("ok"):
            raise RuntimeError(f"The mock cluster refused `{command}`: {answer}")
        return answer.removeprefix("ok")

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("The mock cluster has ended.")
        return line


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A broker of one test's own; it is ended whatever happens."""
    running = Broker()
    try:
        yield running
    finally:
        running.close()


# ── the other process ────────────────────────────────────────────────────────────────────────────


def _library() -> ctypes.CDLL:
    """Load the librdkafka that confluent-kafka brings along."""
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
        ("rd_kafka_conf_set", number, [handle, text, text, text, ctypes.c_size_t]),
        ("rd_kafka_mock_start_request_tracking", None, [handle]),
        ("rd_kafka_mock_stop_request_tracking", None, [handle]),
        ("rd_kafka_mock_get_requests", ctypes.POINTER(handle), [handle, ctypes.POINTER(ctypes.c_size_t)]),
        ("rd_kafka_mock_request_api_key", ctypes.c_int16, [handle]),
        ("rd_kafka_mock_request_destroy_array", None, [ctypes.POINTER(handle), ctypes.c_size_t]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    return library


def _host(brokers: int) -> None:
    """Start the cluster, say where it is, obey commands until the input ends."""
    library = _library()
    reason = ctypes.create_string_buffer(512)
    settings = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(settings, b"log_level", b"0", reason, 512)
    client = library.rd_kafka_new(0, settings, reason, 512)
    cluster = library.rd_kafka_mock_cluster_new(client, brokers)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 100)
    _say(library.rd_kafka_mock_cluster_bootstraps(cluster).decode())
    numbers = range(1, brokers + 1)
    commands = {
        "topic": lambda name, count: library.rd_kafka_mock_topic_create(
            cluster, name.encode(), int(count), 1
        ),
        "down": lambda: sum(library.rd_kafka_mock_broker_set_down(cluster, each) for each in numbers),
        "up": lambda: sum(library.rd_kafka_mock_broker_set_up(cluster, each) for each in numbers),
        "rtt": lambda wait: sum(
            library.rd_kafka_mock_broker_set_rtt(cluster, each, int(wait)) for each in numbers
        ),
        "fail": lambda key, *codes: library.rd_kafka_mock_push_request_errors_array(
            cluster, int(key), len(codes), (ctypes.c_int * len(codes))(*map(int, codes))
        ),
        "heal": lambda key: library.rd_kafka_mock_clear_request_errors(cluster, int(key)),
        "watch": lambda: _watch(library, cluster),
        "seen": lambda: _requests(library, cluster),
    }
    for line in sys.stdin:
        word, *rest = line.split()
        found = commands[word](*rest)
        _say(f"ok {found}" if isinstance(found, str) else "ok" if not found else f"error {found}")
    os._exit(0)  # librdkafka's own threads are not waited for


def _watch(library: ctypes.CDLL, cluster: int) -> None:
    library.rd_kafka_mock_stop_request_tracking(cluster)
    library.rd_kafka_mock_start_request_tracking(cluster)


def _requests(library: ctypes.CDLL, cluster: int) -> str:
    count = ctypes.c_size_t()
    found = library.rd_kafka_mock_get_requests(cluster, ctypes.byref(count))
    keys = [library.rd_kafka_mock_request_api_key(found[place]) for place in range(count.value)]
    library.rd_kafka_mock_request_destroy_array(found, count.value)
    return " ".join(map(str, keys))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _host(int(sys.argv[1]))
