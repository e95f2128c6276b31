"""Floor 2: prompt templates, from a file of text to the prompts of a run.

Knows front matter, the sandboxed Jinja body, the library of templates and the frame of a prompt.
Refuses to know tables, providers, money and the store.
Start reading at `template.py`, then `prompting.py`.
"""
