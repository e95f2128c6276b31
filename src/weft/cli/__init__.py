"""Floor 7, the command line: words on a terminal.

Knows flags, colours, progress and exit codes.
Refuses to know how anything is done: it asks the desk in `app/`, and only `console.py` prints.
Start reading at `main.py`.
"""
