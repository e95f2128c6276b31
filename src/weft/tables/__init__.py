"""Floor 2, tables: rows in, rows out.

Knows file formats, column names, mappings, and what a spreadsheet would run as a formula.
Refuses to know prompts, models and the store. Start reading at `reading.py`.
"""
