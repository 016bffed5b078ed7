"""Quotas of owners: calls a minute, seconds of music a day, bytes in the store; refused with the time until it goes again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from prometheus_client import Counter

from resonance.errors import Overloaded, ResonanceError
from resonance.rpc.auth import Caller
from resonance.settings import Settings
from resonance.store.keys import below_owner, take_key
from resonance.store.protocol import ObjectStore
from resonance.usage import DAY_S, Usage

_GENERATE, _VARIATIONS, _PERFORM = (
    f"/resonance.v1.GenerateService/{name}" for name in ("Generate", "GenerateVariations", "Perform")
)
_MUSIC = frozenset({_GENERATE, _VARIATIONS, _PERFORM})
# Calls after which more is stored than before.
_STORING = frozenset(
    {
        _GENERATE,
        _VARIATIONS,
        "/resonance.v1.GenerateService/AddVersion",
        "/resonance.v1.IngestService/SubmitPlaylist",
        "/resonance.v1.IngestService/UploadPlaylist",
        "/resonance.v1.IngestService/OpenUpload",
        "/resonance.v1.IngestService/WriteUpload",
        "/resonance.v1.IngestService/SubmitUploads",
        "/resonance.v1.IngestService/RetryJob",
        "/resonance.v1.SpeechService/Narrate",
        "/resonance.v1.VideoService/CreateVideo",
        "/resonance.v1.VideoService/RedoScene",
    }
)
# An owner may see what is used up, and leave.
_NEVER_REFUSED = frozenset({"/resonance.v1.OwnerService/GetUsage", "/resonance.v1.OwnerService/DeleteOwner"})
_STORED_S = 60.0  # how long a measured size is used
_STORED_MAX = 10_000
_RATE_HZ = 32_000  # until a stream has told its rate
REFUSALS = Counter("resonance_quota_refusals_total", "Calls that a quota refused.", labelnames=("quota",))
MUSIC_SECONDS = Counter("resonance_music_seconds_total", "Seconds of music made for callers with a key or token.")
_log = structlog.get_logger("quotas")


class Quotas:
    """Counts the calls of owners in this process and with the others', and refuses those beyond a quota.

    Calls of our own services, and of an installation that asks for no keys, are not counted.
    """

    def __init__(self, settings: Settings, store: ObjectStore, clock: Callable[[], float] = time.time) -> None:
        self._calls_max = settings.quota_calls_minute
        self._music_s_max = settings.quota_music_s_day
        self._storage_max = settings.quota_storage_bytes
        self._store = store
        self._clock = clock
        self._usage = Usage(store, clock)
        self._stored: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._rate_hz = _RATE_HZ

    async def admit(self, caller: Caller, method: str, request: Any) -> Meter | None:
        """Counts a call. The meter of a call that makes music sees its responses, and is closed at its end.

        Raises:
            Overloaded: a quota is used up (CALLS_QUOTA, MUSIC_QUOTA, STORAGE_QUOTA), with the time until it goes again.
        """
        owner = caller.owner
        if caller.is_service or not owner:
            return None
        used = await self._usage.now(owner)
        if self._calls_max and used.calls >= self._calls_max and method not in _NEVER_REFUSED:
            wait_s = 60 - self._clock() % 60
            raise _refusal("calls", f"{self._calls_max} calls a minute are your quota", wait_s)
        self._usage.add(owner, calls=1)
        if self._storage_max and method in _STORING and not getattr(request, "is_transient", False):
            await self._check_storage(owner)
        if method not in _MUSIC:
            if "/Delete" in method:
                self._stored.pop(owner, None)  # the next call measures again
            return None
        wanted_s = self._wanted_s(method, request)
        try:
            self._check_music(used.music_s, wanted_s)
        except Overloaded:
            if method != _GENERATE or not await self._is_made(owner, request.request_id):
                raise
            wanted_s = 0.0  # a finished take is sent again, which makes nothing
        return Meter(self, owner, wanted_s, is_open_ended=method == _PERFORM)

    async def open_room(self, owner: str) -> Meter | None:
        """The meter of a room's music, which counts against the owner who opened it, once however many listen; None without an owner.

        Raises:
            Overloaded: the owner's music of the day is used up (MUSIC_QUOTA).
        """
        if not owner:
            return None
        self._check_music((await self._usage.now(owner)).music_s, 0.0)
        return Meter(self, owner, 0.0, is_open_ended=True)

    async def close(self) -> None:
        """Tells the store what was counted last."""
        await self._usage.close()

    def count_music(self, owner: str, music_s: float) -> None:
        self._usage.add(owner, music_s=music_s)

    def check_going_on(self, owner: str) -> None:
        """Raises Overloaded where live music has used the day's quota up."""
        self._check_music(self._usage.known(owner).music_s, 0.0)

    def tell_rate(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz or self._rate_hz

    def seconds(self, sample_count: int) -> float:
        return sample_count / self._rate_hz

    def _wanted_s(self, method: str, request: Any) -> float:
        if method == _PERFORM:
            return 0.0
        one, count = (request.request, request.count) if method == _VARIATIONS else (request, 1)
        return max(0.0, one.duration_s - self.seconds(one.resume_sample_offset)) * count

    def _check_music(self, used_s: float, wanted_s: float) -> None:
        if self._music_s_max and (used_s + wanted_s > self._music_s_max or used_s >= self._music_s_max):
            message = (
                f"{used_s:.0f} of the {self._music_s_max:.0f} seconds of music that are your quota of a day are made"
            )
            raise _refusal("music", message, DAY_S - self._clock() % DAY_S)

    async def _is_made(self, owner: str, request_id: str) -> bool:
        """True where the owner has a finished take of that id. Asks the store, and only where a call would be refused."""
        with suppress(ResonanceError):
            return bool(request_id) and await self._store.exists(below_owner(owner, take_key(request_id)))
        return False

    async def _check_storage(self, owner: str) -> None:
        try:
            stored = await self._measure(owner)
        except ResonanceError as failure:
            _log.warning("the size of what an owner stores cannot be measured at the moment", cause=failure.message)
            return
        if stored >= self._storage_max:
            message = f"you store {stored / 1e6:.1f} MB of the {self._storage_max / 1e6:.1f} MB that are your quota; delete some first"
            raise _refusal("storage", message, None)

    async def _measure(self, owner: str) -> int:
        now_s = time.monotonic()
        if owner in self._stored and now_s - self._stored[owner][0] < _STORED_S:
            return self._stored[owner][1]
        stored = await self._store.total_bytes(below_owner(owner))
        self._stored[owner] = now_s, stored
        if len(self._stored) > _STORED_MAX:
            self._stored.popitem(last=False)
        return stored


class Meter:
    """Counts the music of one call. What was wanted is counted at once, and what was not made is given back at the end."""

    def __init__(self, quotas: Quotas, owner: str, wanted_s: float, *, is_open_ended: bool) -> None:
        self._quotas = quotas
        self._owner = owner
        self._wanted_s = wanted_s
        self._is_open_ended = is_open_ended
        self._made_s = 0.0
        self._replayed: set[int] = set()  # variations that are sent again and not made
        quotas.count_music(owner, wanted_s)

    def see(self, response: Any) -> None:
        """Counts a response. Raises Overloaded where live music has used the quota up."""
        variation = getattr(response, "variation", 0)
        message = response.response if variation else response
        kind = message.WhichOneof("event")
        if kind == "started":
            self._quotas.tell_rate(message.started.format.sample_rate_hz)
            if message.started.audio_sha256:
                self._replayed.add(variation)
        elif kind == "chunk" and variation not in self._replayed:
            self.count(self._quotas.seconds(message.chunk.sample_count))

    def count(self, seconds: float) -> None:
        """Counts music that was made. Raises Overloaded where live music has used the quota up."""
        self._made_s += seconds
        MUSIC_SECONDS.inc(seconds)
        if self._is_open_ended:
            self._quotas.count_music(self._owner, seconds)
            self._quotas.check_going_on(self._owner)

    def close(self) -> None:
        if not self._is_open_ended:
            self._quotas.count_music(self._owner, self._made_s - self._wanted_s)


def _refusal(quota: str, message: str, wait_s: float | None) -> Overloaded:
    REFUSALS.labels(quota=quota).inc()
    return Overloaded(message, reason=f"{quota.upper()}_QUOTA", retry_after_s=wait_s and max(1.0, wait_s))
