"""Floor 2, store, distant: a database that is a server, which may be far away and which others use too.

Knows how to say much in few round trips, who else may write, and what to do when the line is cut.
Refuses to know what is written into it.
Start reading at `link.py`, then `writing.py`.
"""
