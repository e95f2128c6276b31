"""Floor 7, a door for programs: the desk of a server, from Python on another machine.

Knows addresses, keys, retries and how answers of the wire become words of the house.
Refuses to know what is done with what was asked: the server's desk does it.
Start reading at `client.py`.
"""
