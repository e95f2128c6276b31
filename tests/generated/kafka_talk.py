"""What tests say to a broker and hear from it, beside the generated module that they try."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from tests.generated.kafka_broker import Broker


def settings_of(module: ModuleType, bootstrap: str, **given: Any) -> Any:
    """Settings with short limits; those that a module has not are left out."""
    short = {
        "bootstrap": bootstrap,
        "backoff_first_s": 0.01,
        "backoff_cap_s": 0.05,
        "session_timeout_s": 2.0,
        "request_timeout_s": 1.5,
        "delivery_timeout_s": 3.0,
        "stop_within_s": 3.0,
        "start_tries": 2,
        "commit_every_s": 0.05,
        "linger_ms": 1,
    }
    found = next(value for name, value in vars(module).items() if name.endswith("Settings"))
    known = found.__dataclass_fields__
    return found(
        **{name: value for name, value in {**short, **given}.items() if name in known or name in given}
    )


async def send(
    broker: Broker, topic: str, *messages: Any, key: bytes | None = b"k", ids: tuple[str, ...] = ()
) -> None:
    """Write messages as somebody else would; bytes as they are, everything else as JSON."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    for place, message in enumerate(messages):
        value = message if isinstance(message, bytes) else json.dumps(message).encode()
        headers = [("message-id", ids[place].encode())] if ids else []
        await producer.send_and_wait(topic, value, key=key, headers=headers)
    await producer.stop()


async def read(broker: Broker, topic: str, count: int, partitions: int = 1) -> list[Any]:
    """Read a topic from its beginning, until there are so many messages or no more come."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, check_crcs=False)
    await consumer.start()
    places = [TopicPartition(topic, each) for each in range(partitions)]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 0)
    found: list[Any] = []
    while len(found) < count:
        got = await consumer.getmany(timeout_ms=1000)
        if not got:
            break
        found += [record for records in got.values() for record in records]
    await consumer.stop()
    return found


async def committed(broker: Broker, group: str, topic: str, partitions: int = 1) -> int:
    """The sum of a group's committed offsets."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id=group, enable_auto_commit=False, check_crcs=False
    )
    await consumer.start()
    places = [TopicPartition(topic, each) for each in range(partitions)]
    consumer.assign(places)
    found = [await consumer.committed(place) or 0 for place in places]
    await consumer.stop()
    return sum(found)
