"""Floor 4, the engine room: the way of a row, one file per stop.

Knows packing, pacing, spending, unpacking, mending and settling, and the order of the stops.
Refuses to know any room: it sees Prompter, Provider, Store, Executor and Listener only.
Start reading at `runner.py`, whose `walk` reads like the list of stops.
"""
