"""The steps of the example workflow, as a user writes them, with faults on demand."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

CHARGED_AT = dt.datetime(2026, 3, 31, 14, 5, tzinfo=dt.UTC)


class Shop:
    """Does the steps of an order in memory: each effect is kept under its key, so it happens once.

    Attributes:
        calls: every call of a step or compensation, in order.
        effects: key → what happened; a second call with the same key changes nothing.
        outputs: what compensations were handed.
        faults: step → errors that its next calls raise, one after the other.
        before: step → awaited at the beginning of each of its calls.
    """

    def __init__(self, made: ModuleType) -> None:
        self.made = made
        self.calls: list[str] = []
        self.attempts: list[tuple[str, int]] = []
        self.effects: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.faults: dict[str, list[Exception]] = {}
        self.before: dict[str, Callable[[], Awaitable[Any]]] = {}

    def counts(self) -> Counter[str]:
        """How often each step and compensation was called."""
        return Counter(self.calls)

    async def _do(self, name: str, call: Any, effect: Any) -> None:
        self.calls.append(name)
        self.attempts.append((call.key, call.attempt))
        if name in self.before:
            await self.before[name]()
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        self.effects.setdefault(call.key, effect)

    async def reserve_stock(self, call: Any, *, order_id: int, article: str, quantity: int) -> Any:
        await self._do("reserve_stock", call, (article, quantity))
        return self.made.ReserveStockResult(reservation=f"r{order_id}")

    async def release_stock(
        self, call: Any, output: Any, *, order_id: int, article: str, quantity: int
    ) -> None:
        self.outputs["release_stock"] = output
        await self._do("release_stock", call, call.undoes)

    async def charge_card(self, call: Any, *, order_id: int, total: float) -> Any:
        await self._do("charge_card", call, total)
        return self.made.ChargeCardResult(charge=f"c{order_id}", charged_at=CHARGED_AT)

    async def refund_card(self, call: Any, output: Any, *, order_id: int, total: float) -> None:
        self.outputs["refund_card"] = output
        await self._do("refund_card", call, call.undoes)

    async def book_courier(self, call: Any, *, order_id: int, ship_on: dt.date) -> Any:
        await self._do("book_courier", call, ship_on)
        return self.made.BookCourierResult(parcel=f"p{order_id}")

    async def cancel_courier(self, call: Any, output: Any, *, order_id: int, ship_on: dt.date) -> None:
        self.outputs["cancel_courier"] = output
        await self._do("cancel_courier", call, call.undoes)

    async def ask_approval(self, call: Any, *, order_id: int, total: float) -> Any:
        await self._do("ask_approval", call, total)
        return self.made.AskApprovalResult(approved_by="ada")

    async def mail_invoice(
        self,
        call: Any,
        *,
        order_id: int,
        total: float,
        charged_at: dt.datetime,
        parcel: str,
        approved_by: str | None = None,
        note: str | None = None,
    ) -> None:
        await self._do("mail_invoice", call, (charged_at, parcel, approved_by, note))


def an_order(made: ModuleType, **changes: Any) -> Any:
    """Inputs of a workflow."""
    values = {"order_id": 7, "article": "pen", "quantity": 2, "total": 20.0, "ship_on": dt.date(2026, 4, 1)}
    return made.OrderFlowInput(**{**values, **changes})


async def nap(_: float) -> None:
    """Take no time, but let others run."""
    await asyncio.sleep(0)
