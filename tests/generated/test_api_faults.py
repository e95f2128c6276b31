"""A generated module that calls an HTTP service, against a real server that fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest
from tests.generated.http_faults import Fault, FaultyShop, faulty_shop
from tests.generated.making import module_of
from tests.generated.waiting import until

RESET = Fault(drop=True, does_it=True)
GONE = "http://127.0.0.1:1"  # nothing listens there


class Time:
    """A clock that stands still but for sleeps, which are over at once."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, wait_s: float) -> None:
        self.slept.append(wait_s)
        self.now += wait_s
        await asyncio.sleep(0)


@pytest.fixture(scope="module", params=["httpx", "aiohttp"])
def shop_api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The example module, once for each client library."""
    folder = tmp_path_factory.mktemp(request.param)
    return module_of("api_heavy/example.yaml", folder, switches={"aiohttp": request.param == "aiohttp"})


@pytest.fixture
async def shop() -> AsyncIterator[FaultyShop]:
    """A server with faults."""
    async with faulty_shop() as running:
        yield running


@asynccontextmanager
async def opened(
    module: ModuleType, url: str, time: Time | None = None, **settings: Any
) -> AsyncIterator[Any]:
    """The module, started, with short limits."""
    time = time or Time()
    given = {"base_url": url, "cache_ttl_s": 60.0, "read_timeout_s": 2.0, "connect_timeout_s": 2.0} | settings
    api = module.ShopApi(
        settings=module.ShopApiSettings(**given), clock=time.clock, sleep=time.sleep, rng=lambda: 0.5
    )
    async with api:
        yield api


async def test_plain_calls_read_and_change(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: path, query, body and answer are typed; nested answers and further pages are read."""
    async with opened(shop_api, shop.url) as api:
        order = await api.find_order(order_id=7)
        added = await api.add_order(total=3.5, note="quick")
        customer = await api.find_customer(customer_id="3")
        listed = await api.list_orders()
        await api.remove_order(order_id=added.order_id)

    assert order == shop_api.FindOrderResult(order_id=7, total=12.5, customer_id=3)
    assert customer == shop_api.FindCustomerResult(id=1, name="Ada")
    assert [each.order_id for each in listed] == [10, 11, 20, 21, 30, 31]
    assert shop.count("POST") == shop.added == 1
    assert added.order_id not in shop.orders


async def test_values_stay_one_part_of_the_path(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: a value with slashes, dots or a query reaches the server quoted, or is refused."""
    async with opened(shop_api, shop.url) as api:
        await api.find_customer(customer_id="../orders/7?x=1#y")
        for dots in ("", ".", ".."):
            with pytest.raises(shop_api.InvalidInput, match="another place"):
                await api.find_customer(customer_id=dots)

    assert [each.path for each in shop.seen] == ["/customers/..%2Forders%2F7%3Fx%3D1%23y"]


async def test_reset_in_the_middle_of_a_write_is_told_and_never_sent_again(
    shop_api: ModuleType, shop: FaultyShop
) -> None:
    """V08: the server has done it, the answer was cut: outcome unknown, one request, one order."""
    async with opened(shop_api, shop.url) as api:
        for fault in (Fault(cut=True), RESET):
            shop.fail(fault)
            with pytest.raises(shop_api.OutcomeUnknown):
                await api.add_order(total=1.0)

    assert shop.count("POST") == shop.added == 2


async def test_server_failure_after_a_write_is_unknown_and_not_repeated(
    shop_api: ModuleType, shop: FaultyShop
) -> None:
    """V08: a 500 may come after the deed; nobody sends it again."""
    shop.fail(Fault(status=500, does_it=True))

    async with opened(shop_api, shop.url) as api:
        with pytest.raises(shop_api.OutcomeUnknown, match="500"):
            await api.add_order(total=1.0)

    assert shop.count("POST") == shop.added == 1


async def test_write_with_a_key_is_sent_again_and_done_once(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: with an idempotency key the same request goes again, and the server does it once."""
    shop.fail(RESET, Fault(status=500, does_it=True), Fault(cut=True))

    async with opened(shop_api, shop.url) as api:
        added = await api.add_order_once(total=1.0)

    keys = {each.headers.get("idempotency-key") or each.headers["Idempotency-Key"] for each in shop.seen}
    assert (shop.count("POST"), shop.added, len(keys)) == (4, 1, 1)
    assert added.order_id in shop.orders


async def test_repeated_removal_never_claims_what_it_cannot_know(
    shop_api: ModuleType, shop: FaultyShop
) -> None:
    """V08: removed, answer lost, then 404 to the second try: unknown, and not "there was none"."""
    shop.fail(Fault(cut=True, does_it=True), Fault(status=500), Fault())

    async with opened(shop_api, shop.url) as api:
        shop.orders[8] = {"order_id": 8}
        with pytest.raises(shop_api.OutcomeUnknown) as caught:
            await api.remove_order(order_id=8)

    assert isinstance(caught.value.__cause__, shop_api.Rejected)
    assert 8 not in shop.orders


async def test_write_without_a_connection_is_tried_again(shop_api: ModuleType) -> None:
    """V08: what provably never left may be sent again, and is a plain failure in the end."""
    time = Time()

    async with opened(shop_api, GONE, time, max_tries=3) as api:
        with pytest.raises(shop_api.Unavailable, match="no connection"):
            await api.add_order(total=1.0)
        found = api.metrics()

    assert found["add_order.tries"] == 3
    assert len(time.slept) == 2


async def test_reads_survive_resets_and_failures(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: a read is sent again after a drop, a cut body and a 503, with growing pauses.

    aiohttp itself sends a dropped request of a repeatable method once more, without a pause.
    """
    time = Time()
    shop.fail(Fault(drop=True), Fault(cut=True), Fault(status=503))

    async with opened(shop_api, shop.url, time) as api:
        found = await api.find_order(order_id=7)

    assert found.total == 12.5
    assert len(shop.seen) == 4
    assert time.slept == pytest.approx([0.15, 0.3, 0.6][: 2 if hasattr(shop_api, "aiohttp") else 3])


async def test_hanging_server_ends_in_time(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: silence ends after the read limit: a read failed, a write is unknown."""
    shop.fail(Fault(hang=True), Fault(hang=True))

    async with opened(shop_api, shop.url, read_timeout_s=0.1, max_tries=1) as api:
        with pytest.raises(shop_api.CallTimedOut):
            await api.find_order(order_id=7)
        with pytest.raises(shop_api.OutcomeUnknown):
            await api.add_order(total=1.0)

    assert shop.count("POST") == 1


async def test_whole_operation_has_a_limit(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: the total limit ends what the read limit would let go on; a write on the wire is unknown."""
    shop.fail(Fault(hang=True), Fault(hang=True))

    async with opened(shop_api, shop.url, total_timeout_s=0.15, read_timeout_s=5.0) as api:
        with pytest.raises(shop_api.OutcomeUnknown):
            await api.add_order(total=1.0)
        with pytest.raises(shop_api.CallTimedOut, match=r"within 0\.15 s"):
            await api.find_order(order_id=7)


@pytest.mark.parametrize(("told", "waited"), [("7", [7.0]), ("0", [0.15]), ("soon", [0.15]), ("-3", [0.15])])
async def test_too_many_requests_waits_as_told(
    shop_api: ModuleType, shop: FaultyShop, told: str, waited: list[float]
) -> None:
    """V08: Retry-After in seconds is obeyed; nonsense is answered by our own pause."""
    time = Time()
    shop.fail(Fault(status=429, headers={"Retry-After": told}))

    async with opened(shop_api, shop.url, time) as api:
        await api.find_order(order_id=7)

    assert time.slept == pytest.approx(waited)


async def test_retry_after_may_be_a_date(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: a date is compared with the date of the answer itself, not with our clock."""
    time = Time()
    shop.fail(
        Fault(
            status=503,
            headers={
                "Date": "Sat, 21 Nov 2026 10:00:00 GMT",
                "Retry-After": "Sat, 21 Nov 2026 10:00:09 GMT",
            },
        )
    )

    async with opened(shop_api, shop.url, time) as api:
        await api.find_order(order_id=7)

    assert time.slept == [9.0]


async def test_too_long_a_wait_is_told_instead_of_waited(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: more than two minutes, or more than the operation may take, ends at once with the figure."""
    time = Time()
    shop.fail(
        Fault(status=429, headers={"Retry-After": "121"}), Fault(status=429, headers={"Retry-After": "31"})
    )

    async with opened(shop_api, shop.url, time) as api:
        for told in (121.0, 31.0):
            with pytest.raises(shop_api.RateLimited) as caught:
                await api.find_order(order_id=7)
            assert caught.value.retry_after_s == told

    assert shop.count("GET") == 1 + 1


async def test_refused_write_is_not_repeated(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: a 429 to a write without a key is told with its wait; 4xx are told at once."""
    shop.fail(Fault(status=429, headers={"Retry-After": "1"}), Fault(status=422))

    async with opened(shop_api, shop.url) as api:
        with pytest.raises(shop_api.RateLimited) as limited:
            await api.add_order(total=1.0)
        with pytest.raises(shop_api.Rejected) as refused:
            await api.add_order(total=1.0)

    assert (limited.value.retry_after_s, refused.value.status) == (1.0, 422)
    assert (shop.count("POST"), shop.added) == (2, 0)


async def test_open_circuit_sends_nothing_and_lets_one_through_later(
    shop_api: ModuleType, shop: FaultyShop
) -> None:
    """V08: closed -> open -> half-open with exactly one request -> closed."""
    time = Time()
    shop.fail(*[Fault(status=500)] * 3)
    async with opened(
        shop_api, shop.url, time, breaker_failures=3, breaker_recovery_s=60.0, max_tries=3
    ) as api:
        with pytest.raises(shop_api.Unavailable):
            await api.find_order(order_id=7)
        with pytest.raises(shop_api.BreakerOpen):
            await api.find_customer(customer_id="3")
        sent_while_open = len(shop.seen)
        health_while_open = await api.health()
        time.now += 61
        shop.gate.clear()
        calls = [asyncio.create_task(api.find_customer(customer_id=str(each))) for each in range(5)]
        await until(lambda: len(shop.seen) > sent_while_open and sum(call.done() for call in calls) == 4)
        shop.gate.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        closed = await api.health()

    assert sent_while_open == 3
    assert (health_while_open.ok, closed.ok) == (False, True)
    assert sum(isinstance(each, shop_api.BreakerOpen) for each in ended) == 4
    assert len(shop.seen) == 4


async def test_credentials_never_follow_a_redirect_to_another_host(
    shop_api: ModuleType, shop: FaultyShop
) -> None:
    """V08: redirects stay at the same scheme, host and port; writes follow none."""
    async with faulty_shop() as other:
        api = shop_api.ShopApi(
            settings=shop_api.ShopApiSettings(base_url=shop.url), headers={"Authorization": "Bearer s3cret"}
        )
        shop.fail(Fault(status=302, headers={"Location": f"{other.url}/orders/7"}))
        async with api:
            with pytest.raises(shop_api.RedirectRefused):
                await api.find_order(order_id=7)
            shop.fail(Fault(status=307, headers={"Location": "/orders/7"}))
            moved = await api.find_order(order_id=1)
            shop.fail(Fault(status=307, headers={"Location": "/orders"}))
            with pytest.raises(shop_api.RedirectRefused):
                await api.add_order(total=1.0)

    assert other.seen == []
    assert moved.order_id == 7
    assert all(each.headers["Authorization"] == "Bearer s3cret" for each in shop.seen)


async def test_huge_and_wrong_answers_are_refused(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: an answer beyond the bound, of the wrong shape, no JSON or compressed is one clear error."""
    shop.fail(
        Fault(body=b"[" + b" " * 200_000 + b"]"),
        Fault(body=b'{"order_id": "seven", "total": 1}'),
        Fault(body=b'{"order_id": 7, "total": NaN}'),
        Fault(body=b"<html>"),
        Fault(body=b"{}", headers={"Content-Encoding": "br"}),
    )

    async with opened(shop_api, shop.url, answer_max_bytes=100_000, cache_ttl_s=0.001) as api:
        for _ in range(5):
            with pytest.raises(shop_api.UnreadableAnswer):
                await api.find_order(order_id=7)
            api._clock.__self__.now += 1

    assert len(shop.seen) == 5


async def test_answers_are_remembered_within_their_time(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: hits, expiry, eviction of the least recently used, and no-store; counted."""
    time = Time()
    shop.fail(Fault(headers={"Cache-Control": "max-age=5"}), *[Fault()] * 3)
    async with opened(shop_api, shop.url, time, cache_size=2) as api:
        for order in (7, 7):
            await api.find_order(order_id=order)
        time.now += 6
        await api.find_order(order_id=7)
        for customer in ("1", "2"):
            await api.find_customer(customer_id=customer)
        await api.find_customer(customer_id="2")
        found = api.metrics()

    assert [found[f"http.cache.{name}"] for name in ("hits", "misses", "expired", "evictions")] == [
        2,
        4,
        1,
        1,
    ]
    assert len(shop.seen) == 4


async def test_change_forgets_what_was_remembered(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: after a change of a place its answers, and lists above it, are asked for anew."""
    async with opened(shop_api, shop.url) as api:
        await api.find_order(order_id=7)
        await api.find_customer(customer_id="3")
        await api.remove_order(order_id=7)
        with pytest.raises(shop_api.Rejected, match="404"):
            await api.find_order(order_id=7)
        await api.find_customer(customer_id="3")

    assert [each.method for each in shop.seen] == ["GET", "GET", "DELETE", "GET"]


async def test_many_who_want_the_same_ask_once(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: a hundred callers of a missing answer cause one request."""
    async with opened(shop_api, shop.url) as api:
        found = await asyncio.gather(*(api.find_order(order_id=7) for _ in range(100)))

    assert len(shop.seen) == 1
    assert len(set(found)) == 1


async def test_no_window_holds_more_than_the_limit(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: the rate limit holds for every window of time, not only on average."""
    time = Time()
    sent: list[float] = []
    api = shop_api.ShopApi(
        settings=shop_api.ShopApiSettings(rate_limit=5, rate_window_s=1.0, base_url=shop.url),
        clock=time.clock,
        sleep=time.sleep,
        send=lambda request: _noted(shop_api, sent, time),
    )
    await asyncio.gather(*(api.find_customer(customer_id=str(each)) for each in range(23)))

    assert len(sent) == 23
    assert max(sum(at <= other < at + 1.0 for other in sent) for at in sent) == 5


async def _noted(module: ModuleType, sent: list[float], time: Time) -> Any:
    sent.append(time.now)
    return module.HttpAnswer(200, {}, b'{"customer": {"id": 1, "name": "Ada"}}')


async def test_pool_holds_its_bound(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: forty callers at once never have more than the pool's connections under way."""
    async with opened(shop_api, shop.url, pool_max=10) as api:
        await asyncio.gather(*(api.find_customer(customer_id=str(each)) for each in range(40)))

    assert shop.most_at_once <= 10
    assert len(shop.seen) == 40


async def test_proxies_of_the_environment_are_not_used(
    shop_api: ModuleType, shop: FaultyShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V08: a proxy in the environment gets nothing to see."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, GONE)
    monkeypatch.delenv("NO_PROXY", raising=False)

    async with opened(shop_api, shop.url) as api:
        assert (await api.find_order(order_id=7)).order_id == 7


async def test_caller_who_gives_up_frees_the_probe(shop_api: ModuleType, shop: FaultyShop) -> None:
    """V08: a cancelled request in the half-open circuit lets the next one probe."""
    time = Time()
    shop.fail(Fault(status=500), Fault(hang=True))
    async with opened(shop_api, shop.url, time, breaker_failures=1, max_tries=1) as api:
        with pytest.raises(shop_api.Unavailable):
            await api.find_order(order_id=7)
        time.now += 61
        probe = asyncio.create_task(api.find_order(order_id=7))
        await until(lambda: len(shop.seen) == 2)
        probe.cancel()
        await asyncio.wait({probe})

        assert (await api.find_order(order_id=7)).order_id == 7


async def test_unstarted_module_says_so(shop_api: ModuleType) -> None:
    """V08: before `start` nothing is sent; the settings refuse what cannot work."""
    api = shop_api.ShopApi()
    with pytest.raises(shop_api.NotRunning):
        await api.find_order(order_id=7)
    for url in ("ftp://x", "http://", "https://user:pass@host", "https://host/?q=1"):
        with pytest.raises(shop_api.InvalidInput):
            shop_api.ShopApi(settings=shop_api.ShopApiSettings(base_url=url))
    with pytest.raises(shop_api.InvalidInput):
        shop_api.ShopApiSettings(pool_max=50)
