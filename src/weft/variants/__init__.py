"""Floor 3 · Several templates for one purpose, and the judgement which one.

Knows packs of variants, what a purpose requires, how variants are scored and chosen, and how code
is generated from them. Refuses to know tables, models, stores and what is done with generated code.
Start reading at `selecting.py`.
"""
