"""Reading what a provider's envelope says, strictly and without surprises.

Knows JSON that lies (keys twice, NaN, endless digits, endless depth) and usage figures that cannot
be true. Refuses to know the model's own text: that is read by the engine, with its own rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NoReturn

from weft.call import RawReply, Usage
from weft.errors import EmptyReply, NotJson, WeftError, WrongShape
from weft.kit import strict_json

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MOST_TOKENS = 10**8  # a hundred times the largest context window; more is no count


def parse(body: bytes) -> Any:
    """Read JSON strictly.

    Raises:
        NotJson: if it is no JSON, holds a key twice, NaN, or digits or depth without measure.
    """
    try:
        return strict_json.loads(body.removeprefix(_BYTE_ORDER_MARK).decode())
    except UnicodeDecodeError as exc:
        raise NotJson("The reply is not UTF-8.", hint="it is asked again.", position=exc.start) from exc
    except strict_json.NotStrict as exc:
        raise NotJson(f"The reply {exc}.", hint="it is asked again.") from exc


def open_envelope(raw: RawReply) -> dict[str, Any]:
    """Read a reply's outer object.

    Raises:
        EmptyReply, NotJson, WrongShape: if there is none.
    """
    if not raw.body.strip():
        raise EmptyReply("The reply has no body.", hint="it is asked again.")
    found = parse(raw.body)
    if not isinstance(found, dict):
        raise WrongShape("The reply is JSON but no object.", hint="it is asked again.", complaints=[])
    return found


def inside(value: Any, *path: str | int) -> Any:
    """Follow keys and places into a value; `None` where the way ends."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, list) or len(value) <= step:
                return None
            value = value[step]
        else:
            if not isinstance(value, dict):
                return None
            value = value.get(step)
    return value


def branch(value: Any, key: str) -> Mapping[str, Any]:
    """The object under a key; an empty one where there is none. Quicker than `inside`."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else _NOTHING


_NOTHING: Mapping[str, Any] = {}


def text_of(value: Any) -> str:
    """The value if it is text, else an empty text."""
    return value if isinstance(value, str) else ""


def count_of(value: Any) -> int | None:
    """The value if it can be a number of tokens, else `None`."""
    if type(value) is int:  # not a truth value, which is an `int` too
        return value if 0 <= value <= MOST_TOKENS else None
    if isinstance(value, float) and value.is_integer():
        return count_of(int(value))
    return None


def usage_of(
    input_tokens: Any, output_tokens: Any, *, cached: Any = 0, written: Any = 0, reasoning: Any = 0
) -> Usage:
    """Believe stated counts where they can be true.

    Zero input or zero output of a call that was answered cannot be true: both become `None`,
    which means "not said", never "free". Parts larger than their whole become 0.
    """
    inputs, outputs = count_of(input_tokens) or None, count_of(output_tokens) or None
    cached_count, written_count = count_of(cached) or 0, count_of(written) or 0
    if cached_count + written_count > (inputs or 0):
        cached_count = written_count = 0
    thoughts = count_of(reasoning) or 0
    return Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        cached_input_tokens=cached_count,
        cache_write_tokens=written_count,
        reasoning_tokens=thoughts if thoughts <= (outputs or 0) else 0,
    )


def fail(kind: type[WeftError], message: str, *, usage: Usage, **facts: object) -> NoReturn:
    """Raise an error about a reply that was billed, with the usage that it states."""
    raise kind(message, hint="it is asked again.", usage=asdict(usage), **facts)
