"""Cookies of a server for many: what they are called, and how they are handed out and taken back.

Knows that a browser sends them to this host alone, over TLS alone, and shows them to no script.
Refuses to know what their values mean.
"""

from __future__ import annotations

from starlette.datastructures import Headers

SESSION = "__Host-weft"
"""The session of somebody who has signed in."""
ERRAND = "__Host-weft-sign-in"
"""A sign-in under way."""
LONGEST = 4_096  # characters of a value; browsers keep no more


def read_cookie(headers: Headers, name: str) -> str:
    """The value of a cookie; empty = there is none, or it stands there twice, which a browser never sends."""
    found = [
        value.strip()
        for line in headers.getlist("cookie")
        for key, _, value in (pair.partition("=") for pair in line.split(";"))
        if key.strip() == name
    ]
    return found[0] if len(found) == 1 and len(found[0]) <= LONGEST else ""


def give(name: str, value: str, *, life_s: float) -> str:
    """The header that hands a cookie out.

    `Lax`, so that a browser that comes back from the identity provider brings it along; a change
    needs more than a cookie anyway.
    """
    return f"{name}={value}; Path=/; Max-Age={int(life_s)}; Secure; HttpOnly; SameSite=Lax"


def take(name: str) -> str:
    """The header that takes a cookie back."""
    return give(name, "", life_s=0)
