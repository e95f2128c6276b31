"""Every knob of weft with its unit, default and one sentence; reads nothing itself.

The front desk fills it from `weft.toml`, `WEFT_*` variables and flags, in this order.
A field's `help` is the sentence that the command line, the file and the documentation show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def knob(default: Any, help: str) -> Any:  # noqa: A002 - the word that every reader of a CLI knows
    """Declare one setting: its default and the sentence that explains it."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; `None` means "not limited" or "as the provider says", as each sentence tells."""

    store: str = knob("", "Where runs are kept, as a URL; empty = sqlite:///.weft/weft.db beside weft.toml.")
    model: str = knob("", "Who is asked, as provider/model; `local` asks the built-in model.")
    base_url: str = knob("", "Address of an OpenAI-compatible server; empty = the provider's own.")
    allowed_base_urls: str = knob(
        "", "Addresses that requests to a server may choose from, with blanks between; empty = none."
    )
    private_networks: bool = knob(
        False,
        "Let prompts go to base URLs in private networks, also unencrypted; this machine is always allowed.",
    )
    key_name: str = knob(
        "", "Name of the kept key to send, as `weft keys list` shows it; empty = the one for the server."
    )
    public_url: str = knob(
        "",
        "Where people reach a server of a team, such as https://weft.example.com; TLS stands in front of it.",
    )
    trusted_proxies: str = knob(
        "",
        "Addresses of what stands in front, with blanks between; who it says to ask for is written into logs.",
    )
    oidc_issuer: str = knob(
        "", "Identity provider that people of a team sign in at: what it calls `issuer`, an https address."
    )
    oidc_client_id: str = knob("", "What the identity provider calls weft, which is registered there.")
    oidc_rehearsal: bool = knob(
        False, "Also believe an identity provider at this machine's loopback without TLS; for rehearsals."
    )
    structured: str = knob(
        "", "Form asked of the model: strict, json or none; empty = the firmest it keeps to."
    )
    rows_per_call: int = knob(20, "The most rows one call may carry, 1 to 50.")
    input_tokens_per_call: int = knob(24_000, "The most estimated input tokens of one call's rows.")
    output_tokens_per_call: int = knob(8_000, "The most expected output tokens of one call.")
    concurrency: int = knob(8, "Calls in flight at once, 1 to 1000.")
    rpm: int | None = knob(None, "Requests per minute; none = as fast as the provider allows.")
    tpm: int | None = knob(None, "Tokens per minute, input and output; none = not limited.")
    timeout_s: float = knob(120.0, "Seconds until a call without a complete reply is given up.")
    attempts: int = knob(4, "Tries of one call when the provider is ill, before the run pauses.")
    row_attempts: int = knob(3, "Answers of the wrong shape one row may give in company and alone.")
    retry_after_cap_s: float = knob(
        120.0, "The longest wait a provider may ask for; beyond it the run pauses."
    )
    retry_share: float = knob(0.1, "Repeated calls allowed, as a share of all calls (a floor of 10 is free).")
    circuit_failures: int = knob(5, "Failures in a row after which nothing is sent for a while.")
    circuit_open_s: float = knob(30.0, "Seconds that nothing is sent then.")
    patience_s: float = knob(600.0, "Seconds an outage may last before the run pauses itself.")
    grace_s: float = knob(30.0, "Seconds that answers in flight are waited for after Ctrl-C.")
    budget_usd: str | None = knob(None, "The most a run may spend in USD; 0 allows no paid call.")
    budget_tokens: int | None = knob(None, "The most tokens a run may use, input and output.")
    until_budget: bool = knob(
        False, "Start even if the projection is over the budget; stop before passing it."
    )
    max_failed_share: float | None = knob(None, "Stop when this share of at least 50 ended rows failed.")
    temperature: float | None = knob(0.0, "Decoding temperature; 0 so that answers can be remembered.")
    top_p: float | None = knob(None, "Nucleus sampling; none = the provider's default.")
    seed: int | None = knob(None, "Seed for providers that take one.")
    reasoning_effort: str | None = knob(None, "Effort of reasoning models; none = the provider's default.")
    reasoning_tokens: int = knob(0, "Output tokens per call set aside for reasoning, on top of the answers.")
    strict_model: bool = knob(False, "Refuse answers of another model than the one asked for.")
    prices: str = knob("", "A TOML file with your own prices; they win over the built-in ones.")
    table_mb: int = knob(200, "The largest table that a server takes, in MB.")
    table_rows: int = knob(5_000_000, "The most rows of a table that a server takes.")
    table_columns: int = knob(2_000, "The most columns of a table that a server takes.")
    table_cell_kb: int = knob(1_024, "The longest cell of a table that a server takes, in 1,024 characters.")
    tables_mb: int = knob(10_000, "Room for all tables that a server keeps, in MB.")
    server_rpm: int | None = knob(
        3_000,
        "Requests per minute that a server takes from each person or program, a tenth of it for expensive ones; "
        "none = not limited.",
    )
    min_free_mb: int = knob(256, "Free disk space below which nothing more is asked, in MB.")


CHOSEN = frozenset(
    {
        "model",
        "base_url",  # one of `allowed_base_urls`
        "key_name",
        "structured",
        "rows_per_call",
        "input_tokens_per_call",
        "output_tokens_per_call",
        "concurrency",
        "rpm",
        "tpm",
        "budget_usd",
        "budget_tokens",
        "until_budget",
        "max_failed_share",
        "temperature",
        "top_p",
        "seed",
        "reasoning_effort",
        "reasoning_tokens",
        "strict_model",
    }
)
"""Settings that somebody may choose for a request; what they change is theirs alone."""
