"""Beside the house: published fakes, for our own tests and for everybody's rehearsals.

Knows the sockets of `protocols.py` and the wire formats of three providers.
Refuses to know the engine, the store and the front desk; nobody in the house imports it but a door.
Start reading at `scripted.py`, then `faults.py`, then `mock_server.py`.
"""
