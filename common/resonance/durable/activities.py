"""Activities: heartbeats while they run, domain errors as failures."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from temporalio import activity
from temporalio import exceptions as engine_errors
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ApplicationErrorCategory,
    ChildWorkflowError,
    FailureError,
)

from resonance.durable.metrics import STEP_FAILURES, STEP_SECONDS, STEP_WAIT_SECONDS
from resonance.durable.policies import TRIES_MAX
from resonance.errors import INTERNAL_MESSAGE, DeadlineExceeded, Overloaded, ResonanceError, Unavailable

_HEARTBEAT_S = 0.1  # the library sends one of them every 0.2 s
_reported: ContextVar[list[str]] = ContextVar("resonance_reported_progress")
_MAY_PASS = (Unavailable, Overloaded, DeadlineExceeded)
_AWAY = ("STORE_", "EXTRACT_", "DISK_")  # beginnings of reasons
_UNFORESEEN = "Unforeseen"
_log = structlog.get_logger("engine")
_Activity = TypeVar("_Activity", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The reason and the sentence of an activity's last failure."""

    reason: str
    message: str


def durable_activity(name: str) -> Callable[[_Activity], _Activity]:
    """Decorator of an activity method: it heartbeats while it runs, and its domain errors become failures.

    A service or store that is away or full is tried again without end, at its own retry time. Another error that may pass, and an
    error that is no domain error, is tried six times. What is wrong for good is not tried again.
    """

    def mark(run: _Activity) -> _Activity:
        @functools.wraps(run)
        async def tried(*arguments: Any) -> Any:
            async with _heartbeats():
                with _measured(name):
                    return await run(*arguments)

        return activity.defn(name=name)(tried)  # type: ignore[return-value]

    return mark


def report_progress(mark: str) -> None:
    """Sends a mark with the next heartbeats of this activity: watchers in other processes see that something has changed."""
    _reported.get()[:] = [mark]


def read_failure(error: FailureError) -> Failure:
    """The domain failure inside an ActivityError or a ChildWorkflowError. For workflows: it does no I/O."""
    cause: BaseException | None = error
    while isinstance(cause, (ActivityError, ChildWorkflowError)) and cause.cause is not None:
        cause = cause.cause
    if isinstance(cause, ApplicationError):
        is_domain = bool(cause.type) and cause.type == (cause.type or "").upper()
        if is_domain:
            return Failure(reason=cause.type or "INTERNAL", message=cause.message)
        return Failure(reason="INTERNAL", message=INTERNAL_MESSAGE)
    if isinstance(cause, engine_errors.TimeoutError):
        return Failure(reason="DEADLINE_EXCEEDED", message="a step took longer than it may")
    return Failure(reason="INTERNAL", message="a step ended without saying why")


@contextmanager
def _measured(name: str) -> Iterator[None]:
    """Counts the try of a step, and raises the engine's errors in place of others."""
    info = activity.info()
    STEP_WAIT_SECONDS.labels(name).observe(
        max(0.0, (info.started_time - info.current_attempt_scheduled_time).total_seconds())
    )
    begun_s, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "ok"
    except ResonanceError as failure:
        STEP_FAILURES.labels(name, failure.reason).inc()
        raise _to_application_error(failure) from failure
    except Exception as failure:
        STEP_FAILURES.labels(name, _UNFORESEEN).inc()
        _log.exception("an activity failed with an unexpected error", activity=name)
        is_last = info.attempt >= TRIES_MAX
        raise ApplicationError(str(failure), type=_UNFORESEEN, non_retryable=is_last) from failure
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        STEP_SECONDS.labels(name, outcome).observe(time.monotonic() - begun_s)


def _to_application_error(failure: ResonanceError) -> ApplicationError:
    is_last = activity.info().attempt >= TRIES_MAX and not _is_away(failure)
    wait = failure.retry_after_s
    _log.info("an activity failed", activity=activity.info().activity_type, reason=failure.reason, why=failure.message)
    return ApplicationError(
        failure.message,
        category=ApplicationErrorCategory.BENIGN,  # told above; the library would print a traceback
        type=failure.reason,
        non_retryable=is_last or not isinstance(failure, _MAY_PASS),
        next_retry_delay=timedelta(seconds=wait) if wait else None,
    )


def _is_away(failure: ResonanceError) -> bool:
    """True where a service or the store is away or full, and says nothing about the work itself."""
    if isinstance(failure, Unavailable):
        return failure.reason == Unavailable.default_reason or failure.reason.startswith(_AWAY)
    return isinstance(failure, Overloaded)


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    reported: list[str] = []
    _reported.set(reported)
    beating = asyncio.create_task(_beat(reported), name="activity heartbeats")
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(reported: list[str]) -> None:
    while True:
        activity.heartbeat(*reported)
        await asyncio.sleep(_HEARTBEAT_S)
