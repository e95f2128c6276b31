"""Floor 2, store engines: databases that can hold a store; each file here is one URL scheme.

Knows how one kind of database is opened, how it begins a transaction and how it complains.
Refuses to know what is written into it.
Start reading at `sqlite.py`.
"""
