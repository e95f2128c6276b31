"""What does a row's rendering cost in our process, and what in one that can be killed?

    python benchmarks/rendering.py

Renders the same template for 2,000 rows: in our process, then confined, in chunks of 1, 20 and 200
rows. Says the microseconds of a row (best of five) and the ratio to our process; compiling and
starting a process stand beside it. The goal, 15 µs a row in chunks on an idle machine of two cores,
is that of the security study; the ratio is what holds on any machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from weft.templates.confining import Confinement
from weft.templates.environment import CompiledBody

BODY = """Review the entry below and say what to do next.

Title: {{ title|trim }}
{% if notes %}Notes: {{ notes|truncate(200) }}
{% endif %}
{% for tag in tags %}- {{ tag|upper }}
{% endfor %}
Score: {{ score|round(1) }}
"""
ROWS = 2_000
CHUNKS = (1, 20, 200)
GOAL_US = 15.0  # a row, in the largest chunk
GOAL_RATIO = 2.0  # to our own process, in the largest chunk


def best_us(work: Callable[[], object], rows: int = 1) -> float:
    """Microseconds a row of the best of five."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took) / rows * 1e6


def main() -> None:
    """Print the table; exit 1 where neither goal is met."""
    rows = [
        {
            "title": f" Entry {n} ",
            "notes": "some notes of a person " * 5,
            "tags": ["a", "b", "c"],
            "score": n / 7,
        }
        for n in range(ROWS)
    ]
    own = CompiledBody(BODY, name="bench")
    ours = best_us(lambda: [own.render(row) for row in rows], ROWS)
    began = time.perf_counter()
    confinement = Confinement()
    confinement.notes()
    started = time.perf_counter() - began
    body = confinement.body(BODY, name="bench")
    assert body.render_many(rows) == [own.render(row) for row in rows]

    print(f"{'':22}{'µs a row':>10}{'of our process':>16}")
    print(f"{'in our process':22}{ours:>10.1f}{1:>15.2f}x")
    confined = ours
    for chunk in CHUNKS:
        confined = best_us(
            lambda size=chunk: [body.render_many(rows[at : at + size]) for at in range(0, ROWS, size)], ROWS
        )
        print(f"{f'confined, by {chunk}':22}{confined:>10.1f}{confined / ours:>15.2f}x")
    compiled = best_us(lambda: CompiledBody(BODY, name="bench"))
    print(f"\ncompiling the body: {compiled / 1000:.1f} ms; starting a process: {started * 1000:.0f} ms")
    confinement.close()
    sys.exit(0 if confined <= GOAL_US or confined / ours <= GOAL_RATIO else 1)


if __name__ == "__main__":
    main()
