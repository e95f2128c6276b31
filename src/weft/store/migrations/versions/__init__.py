"""Floor 2, store migration steps: one file per revision, numbered from 0001.

Knows what changed in the tables with one release.
Refuses to know anything outside its own step.
Start reading at `0001_first.py`.
"""
