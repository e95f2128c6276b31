"""Floor 7: words over HTTP.

Knows the front desk's questions as addresses, and whom a request may come from.
Refuses to know how anything is done: a route asks the desk and translates.
Start reading at `application.py`, then `guarding.py`; routes are files in `routes/`.
"""
