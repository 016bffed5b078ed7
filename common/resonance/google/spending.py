"""Spending at Google: sums by day, owner and request, and ceilings that refuse a call before it is made.

The sums of a day are one document, which replicas change by compare-and-swap: a call is counted before it is made, so that together they
never go over a ceiling. A call that failed without an answer stays counted, because Google may have charged it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from resonance.errors import Conflict, NotFound, Overloaded, Unavailable
from resonance.google.prices import Kind, Prices
from resonance.settings import Settings
from resonance.store.keys import spending_key
from resonance.store.protocol import ObjectStore

_TRIES_MAX = 50
_REQUESTS_MAX = 20_000
_ROUNDING_USD = 1e-9


@dataclass(slots=True)
class Account:
    """What the calls within one `spending_on` cost, in US dollars; calls that were given back are not in it."""

    request_id: str
    usd: float = 0.0
    outer: Account | None = None

    def add(self, cost: float) -> None:
        """Adds a cost here and to the accounts around it for the same request."""
        self.usd = round(self.usd + cost, 9)
        if self.outer is not None and self.outer.request_id == self.request_id:
            self.outer.add(cost)


_account: ContextVar[Account | None] = ContextVar("resonance_spending_account", default=None)


@contextmanager
def spending_on(request_id: str) -> Iterator[Account]:
    """Counts the calls of this task for one video or take; yields their sum."""
    account = Account(request_id, outer=_account.get())
    token = _account.set(account)
    try:
        yield account
    finally:
        _account.reset(token)


def current_request() -> str:
    """The video or take for which this task spends; empty for none."""
    account = _account.get()
    return account.request_id if account is not None else ""


def note_paid(cost: float) -> None:
    """Adds a call that another process has counted in the sums already to the account of this task."""
    if (account := _account.get()) is not None:
        account.add(cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The most US dollars that may be spent: on one request, by one owner in a day, and by all in a day."""

    request_usd: float
    owner_day_usd: float
    day_usd: float

    @classmethod
    def of(cls, settings: Settings) -> Ceilings:
        """The ceilings of the settings."""
        return cls(
            request_usd=settings.google_usd_request_max,
            owner_day_usd=settings.google_usd_owner_day_max,
            day_usd=settings.google_usd_day_max,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Sums of today in US dollars."""

    request_usd: float
    owner_day_usd: float
    day_usd: float


class Spending:
    """Counts calls against the ceilings."""

    def __init__(
        self, store: ObjectStore, prices: Prices, ceilings: Ceilings, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self.prices = prices
        self.ceilings = ceilings
        self._clock = clock

    async def reserve(self, kind: Kind, quantity: float, *, owner: str, request_id: str) -> float:
        """Counts a call that is about to be made; returns its estimate in US dollars.

        Raises:
            FailedPrecondition: there is no price for it (PRICE_UNKNOWN).
            Overloaded: it would go over a ceiling (SPENDING_CEILING), with the figures and the time until the next day.
            Unavailable: the store is away, so that nothing can be counted.
        """
        cost = self.prices.estimate(kind, quantity)
        await self._add(cost, owner=owner, request_id=request_id, is_checked=True)
        return cost

    async def check_room(self, kind: Kind, quantity: float, *, owner: str, request_id: str) -> float:
        """The estimate of several calls together, before the first of them; nothing is counted yet.

        Raises what `reserve` raises, where all of them would go over a ceiling.
        """
        cost = self.prices.estimate(kind, quantity)
        sums, _ = await self._read(self._today())
        self._check(sums.of(owner, request_id), cost)
        return cost

    async def give_back(self, cost: float, *, owner: str, request_id: str) -> None:
        """Takes a call back that was refused and costs nothing."""
        await self._add(-cost, owner=owner, request_id=request_id, is_checked=False)

    async def spent(self, *, owner: str, request_id: str = "") -> Spent:
        """The sums of today."""
        sums, _ = await self._read(self._today())
        return sums.of(owner, request_id)

    async def _add(self, cost: float, *, owner: str, request_id: str, is_checked: bool) -> None:
        day = self._today()
        for _ in range(_TRIES_MAX):
            sums, version = await self._read(day)
            if is_checked:
                self._check(sums.of(owner, request_id), cost)
            data = json.dumps(asdict(sums.plus(cost, owner, request_id))).encode()
            try:
                if version is None:
                    await self._store.create(spending_key(day), data)
                else:
                    await self._store.replace(spending_key(day), data, version=version)
            except (Conflict, NotFound):
                continue
            if (account := _account.get()) is not None and account.request_id == request_id:
                account.add(cost)
            return
        raise Unavailable("the sums of today's spending are busy; ask again", reason="SPENDING_BUSY", retry_after_s=1.0)

    def _check(self, spent: Spent, cost: float) -> None:
        ceilings = self.ceilings
        for what, sum_usd, most_usd in (
            ("for this request", spent.request_usd, ceilings.request_usd),
            ("for one owner in a day", spent.owner_day_usd, ceilings.owner_day_usd),
            ("in a day", spent.day_usd, ceilings.day_usd),
        ):
            if sum_usd + cost > most_usd + _ROUNDING_USD:
                message = (
                    f"this would cost about ${cost:.3f} at Google; ${sum_usd:.3f} of the ${most_usd:.2f} {what} are spent "
                    f"(prices of {self.prices.day})"
                )
                raise Overloaded(message, reason="SPENDING_CEILING", retry_after_s=self._until_tomorrow_s())

    async def _read(self, day: str) -> tuple[_Sums, str | None]:
        try:
            stored = await self._store.get(spending_key(day))
        except NotFound:
            return _Sums(total=0.0, owners={}, requests={}), None
        return _Sums(**json.loads(stored.data)), stored.version

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def day_end(self) -> datetime:
        """When the sums begin anew: the next midnight (UTC)."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)

    def _until_tomorrow_s(self) -> float:
        return max(1.0, self.day_end().timestamp() - self._clock())


def open_spending(settings: Settings, store: ObjectStore) -> Spending:
    """The sums of the installation with the prices and ceilings of the settings. Raises InvalidInput for malformed prices."""
    return Spending(store, Prices.parse(settings.google_prices), Ceilings.of(settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """The document of a day."""

    total: float
    owners: dict[str, float]
    requests: dict[str, float]

    def of(self, owner: str, request_id: str) -> Spent:
        """The sums that concern one call. Calls without a request are one request each."""
        return Spent(
            request_usd=self.requests.get(request_id, 0.0) if request_id else 0.0,
            owner_day_usd=self.owners.get(owner, 0.0),
            day_usd=self.total,
        )

    def plus(self, cost: float, owner: str, request_id: str) -> _Sums:
        """The document with one call more, or with a negative cost one less."""
        requests = self.requests | {request_id: _plus(self.requests.get(request_id, 0.0), cost)}
        while len(requests) > _REQUESTS_MAX:  # the first requests of a long day are forgotten
            del requests[next(iter(requests))]
        owners = self.owners | {owner: _plus(self.owners.get(owner, 0.0), cost)}
        return _Sums(total=_plus(self.total, cost), owners=owners, requests=requests)


def _plus(sum_usd: float, cost: float) -> float:
    return round(max(sum_usd + cost, 0.0), 9)
