"""Who is asking: set at the door for one call, and read where things are stored and where another service is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# An empty owner is this installation itself: everybody, where no keys are asked for.
_owner: ContextVar[str] = ContextVar("resonance_owner", default="")
_is_vouched_for: ContextVar[bool] = ContextVar("resonance_is_vouched_for", default=True)
_caller_key: ContextVar[str] = ContextVar("resonance_caller_key", default="")


def current_owner() -> str:
    """The owner that the work in hand is done for."""
    return _owner.get()


def set_owner(owner: str, *, is_vouched_for: bool = True) -> None:
    """From here on this task, and all that it starts, works for the owner. `is_vouched_for` says that one of our own services sends what
    comes in, and not the owner."""
    _owner.set(owner)
    _is_vouched_for.set(is_vouched_for)


def trust_scope() -> str:
    """Whose word it is that what comes in is what it says it is: empty for this installation's own, else the owner's.

    What follows from an owner's word must not be shared with others.
    """
    return "" if _is_vouched_for.get() else _owner.get()


@contextmanager
def acting_as(owner: str) -> Iterator[None]:
    """Works for an owner until the context ends. Not for generators: they may be closed elsewhere."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def caller_key() -> str:
    """The API key that the caller sent, to be handed on; empty where there was none."""
    return _caller_key.get()


def set_caller_key(key: str) -> None:
    """Remembers the caller's key for the calls that are made on its behalf."""
    _caller_key.set(key)
