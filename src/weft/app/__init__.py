"""Floor 6, the front desk: one method for each thing that a person can ask for.

Knows every room below and wires them; reads the environment and `weft.toml` in one place.
Refuses to know terminals, HTTP and pages: those are doors to this desk.
Start reading at `weft.py`, then `opening.py` and `runs.py`.
"""
