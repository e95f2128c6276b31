"""Commands, one file each: the file name is the command's name.

Each module brings one constant `command`, and the first line of its docstring is its help.
Refuses to be imported before it is asked for: `weft --help` reads docstrings only.
Start reading at `run.py`.
"""
