"""Keeps secrets out of what a process says: its log, its terminal, its answers.

Knows the secrets that are alive in this process, in every form in which one is likely to be written
(as it is, URL-escaped, JSON-escaped, base64, hexadecimal), and what keys of well-known kinds look
like. Refuses to know whose they are; whoever reads one in tells it here at once.
One registry serves the whole process, because what a process says is one as well.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, quote_plus

HIDDEN = "[secret]"
LEAST = 8  # characters; hiding shorter ones would blot out words, and they guard nothing
MOST = 1_000  # secrets known at once, the last ones; each has about ten forms

_NAMED = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)S?$", re.IGNORECASE)
"""How variables that hold secrets are called."""

SHAPES: Final = re.compile(
    r"""
      \b(?:sk|rk|pk)-[A-Za-z0-9_-]{16,}                       # OpenAI, Anthropic, OpenRouter and others
    | \b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}              # Stripe
    | \bAIza[A-Za-z0-9_-]{30,}                                # Google
    | \bya29\.[A-Za-z0-9_-]{20,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                           # AWS
    | \bgh[pousr]_[A-Za-z0-9]{30,}
    | \bgithub_pat_[A-Za-z0-9_]{30,}
    | \bglpat-[A-Za-z0-9_-]{16,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                        # Slack
    | \b(?:hf|gsk|xai|pplx|nvapi|r8)[_-][A-Za-z0-9_-]{24,}    # Hugging Face, Groq, xAI, Perplexity, NVIDIA
    | \bweft_[A-Za-z0-9_-]{40,}                               # tokens of our own
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # JSON Web Tokens
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----(?:(?!-----END)[\s\S])*
    """,
    re.VERBOSE,
)
"""What keys of well-known kinds look like."""

_LED: Final = re.compile(
    r"""
      (?P<header>(?:authorization|x-api-key|x-goog-api-key|api-key|x-auth-token)["']?\s*[:=,]\s*(?:b?["'])?
                 (?:bearer\s+|basic\s+)?+)(?P<value>[^\s"',;)\]}]{4,})
    | (?P<jar>\b(?:set-)?cookie["']?\s*[:=,]\s*(?:b?["'])?)(?P<cookies>[^"'\r\n]{4,})
    | (?P<own>(?:__Host-)?\bweft[A-Za-z0-9_]*=)(?P<sealed>[^;\s"',]{16,})
    | (?P<scheme>\bbearer\s+)(?P<token>[A-Za-z0-9._~+/=-]{12,})
    | (?P<user>://[^/\s:@"']*:)(?P<password>[^/\s@"']+)(?=@)
    | (?P<query>[?&](?:token|key|code|state|access_token|id_token|api_key|client_secret|sig|password)=)
      (?P<given>[^&\s"']+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What stands before a secret where it travels; the rest of the line is left as it is."""


class Secrets:
    """The secrets that must not be said."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[str, frozenset[str]] = {}
        self._lasting: dict[str, frozenset[str]] = {}
        self._forms: tuple[str, ...] | None = ()
        self._lock = Lock()

    def add(self, *texts: str, lasts: bool = False) -> None:
        """Know secrets from now on; harmless when repeated. Short ones are not taken.

        Args:
            texts: the secrets.
            lasts: they are the process's own and never forgotten, however many others come; for what
                people cannot choose.
        """
        known = self._lasting if lasts else self._known
        with self._lock:
            for each in texts:
                text = each.strip()
                if len(text) < LEAST:
                    continue
                if text not in known:
                    self._forms = None
                forms = known.pop(text) if text in known else frozenset(forms_of(text))
                known[text] = forms  # the one told last is forgotten last
            while len(self._known) > MOST:
                self._known.pop(next(iter(self._known)))
                self._forms = None

    def add_named(self, variables: Mapping[str, str]) -> None:
        """Know the values of those variables whose names say that they hold a secret, for good."""
        self.add(*(value for name, value in variables.items() if _NAMED.search(name)), lasts=True)

    def hide_known(self, text: str) -> str:
        """A text without the secrets that are known, in whatever form they stand there.

        Looks for one form after the other: a pattern of all of them would take seconds to build anew
        with each long secret, and whoever may keep a key could make everybody wait for it.
        """
        for form in self._longest_first():
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def hide(self, text: str) -> str:
        """A text without known secrets, and without anything that looks like one.

        >>> Secrets().hide("GET /enter?code=abc HTTP/1.1")
        'GET /enter?code=[secret] HTTP/1.1'
        """
        return SHAPES.sub(HIDDEN, _LED.sub(_led, self.hide_known(text)))

    def _longest_first(self) -> tuple[str, ...]:
        with self._lock:
            if self._forms is None:
                forms = frozenset[str]().union(*self._known.values(), *self._lasting.values())
                self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
            return self._forms


LIVE: Final = Secrets()
"""The secrets of this process."""


def forms_of(secret: str) -> Iterator[str]:
    """Every form in which a secret is likely to be written.

    Base64 depends on what stands before: all three places in a group of characters are told, without
    the characters at both ends that the neighbours have a part in.
    """
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    for escaped in (quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")):
        yield escaped
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), escaped)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield raw.hex()
    yield raw.hex().upper()
    for shift in range(3):
        length = shift + len(raw)
        coded = b64encode(b"\0" * shift + raw).decode()
        inner = coded[-(-shift * 4 // 3) : length * 4 // 3]  # characters made of this secret's bits alone
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def guard_log(secrets: Secrets = LIVE) -> None:
    """Let no record of the log of this process hold a secret, whoever writes it; harmless when repeated.

    Records are changed where they are made, so that no handler sees a secret, not even one that is
    added later. Fields that a caller adds as `extra` are not looked at.
    """
    before = logging.getLogRecordFactory()
    if getattr(before, "guards", None) is secrets:
        return

    def make(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = before(*arguments, **named)
        _scrub(record, secrets)
        return record

    make.guards = secrets  # type: ignore[attr-defined]  # a mark on our own function
    logging.setLogRecordFactory(make)


def _scrub(record: logging.LogRecord, secrets: Secrets) -> None:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - whatever the arguments do; logging would write them all
        message = f"{record.msg} (its arguments do not fit)"
        record.msg, record.args = secrets.hide(message), None
    if (hidden := secrets.hide(message)) != message:
        record.msg, record.args = hidden, None
    if record.exc_info and record.exc_info[0] is not None:
        told = logging.Formatter().formatException(record.exc_info)
        if (hidden := secrets.hide(told)) != told:
            record.exc_info, record.exc_text = None, hidden
    if record.stack_info:
        record.stack_info = secrets.hide(record.stack_info)


def _led(found: re.Match[str]) -> str:
    """What stands before a secret, and that there was one."""
    lead = next(
        text for text in found.group("header", "jar", "own", "scheme", "user", "query") if text is not None
    )
    return f"{lead}{HIDDEN}"
