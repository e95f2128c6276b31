"""The addresses of the server: each file has `routes`, and what it is about is its name.

Knows how an answer of the desk is told on the wire.
Refuses to decide anything.
"""
