"""Floor 4, drop-ins: where packs are walked.

Knows how many packs are on their way at once and what happens when one of them fails.
Refuses to know what walking means.
Start reading at `local.py`.
"""
