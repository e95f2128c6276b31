"""Floor 2, store: what must survive a power cut.

Knows how runs, rows, calls and remembered answers lie in a database, and how they are written safely.
Refuses to know prompts, providers, and what a row means.
Start reading at `tables.py`, then `ledger.py`.
"""
