"""Floor 7, agents: words for programs that speak the Model Context Protocol.

Knows which tools and resources an agent is offered, what it may read and how much it may spend.
Refuses to know how anything is done: it asks the desk, or a server that has one.
Start reading at `tools.py`.
"""
