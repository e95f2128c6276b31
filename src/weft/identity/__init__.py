"""Floor 2, materials: people who show who they are at an identity provider (OpenID Connect).

Knows how a sign-in begins there, how its code becomes a token, and what a token must say to be believed.
Refuses to know who is a member, sessions, cookies and pages.
Start reading at `openid.py`, then `_tokens.py`, then `errands.py`.
"""
