"""Floor 2, materials and doors: models on the other side of a wire, and one on this side.

Knows each provider's dialect, its faults, its usage figures and its prices.
Refuses to know rows, packs, retries, money limits and the environment.
Start reading at `openai.py`; the wire itself is `_http.py`.
"""
