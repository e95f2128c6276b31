"""Floor 2, store migrations: how a store of an older weft becomes one of this weft.

Knows the steps between revisions, each frozen as it was released (Alembic).
Refuses to know the tables of today: a step never imports them.
Start reading at `versions/0001_first.py`.
"""
