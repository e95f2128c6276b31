"""Floor 2, table formats: one file per way to keep a table, each a drop-in.

Knows bytes, encodings, dialects and foreign file libraries; a leading underscore is no drop-in.
Refuses to know what rows are for. Start reading at `csv.py`.
"""
