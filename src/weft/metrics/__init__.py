"""Floor 5 · what happened, in numbers.

Knows counters of events, KPIs per template made of runs as they stand, and how figures are written for others.
Refuses to know how a row is asked about, where runs are kept, and who looks. Start reading at `kpis.py`.
"""
