"""Floor 0, ground: tools that have never heard of prompts; each could be its own library.

Knows clocks, fingerprints, caches and drop-in folders.
Refuses to know anything about tables, models and runs.
Start reading at `clocks.py`.
"""
