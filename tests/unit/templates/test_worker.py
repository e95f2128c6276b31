from __future__ import annotations

import pytest

from weft.templates.worker import CPU, CRASH, Died

DUMP = b"""Current thread 0x00007f (most recent call first):
  File "/somewhere/jinja2/filters.py", line 900 in do_upper
  File "<template>", line 17 in root
  File "<template>", line 3 in other
"""


@pytest.mark.parametrize(
    ("remains", "row", "line", "words"),
    [
        (b"", 0, 0, ""),
        (b"...", 3, 0, ""),
        (b"....." + DUMP, 5, 17, 'File "<template>", line 3 in other'),
        (b"Traceback\n  x\nMemoryError\n", 0, 0, "MemoryError"),
        (b"\xff\xfe", 0, 0, "\ufffd\ufffd"),
    ],
)
def test_remains_tell_row_line_and_words(remains: bytes, row: int, line: int, words: str) -> None:
    """A dead process tells how many rows it had begun, where it was, and its last line."""
    died = Died(CPU, remains)

    assert (died.why, died.row, died.code_line, died.words) == (CPU, row, line, words)


def test_nothing_is_known_of_a_silent_death() -> None:
    """A process that left nothing behind is dead all the same."""
    assert Died(CRASH, b"").row == 0
