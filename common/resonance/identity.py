"""Context variables of a call: its owner and API key.

The interceptor sets them; stores and channels read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# The owner of callers without a key, where such are admitted. No key is issued for it, so that it owns nothing.
GUEST = "u-guest"
# An empty owner is the installation itself, which is every caller where no API keys are required.
_owner: ContextVar[str] = ContextVar("resonance_owner", default="")
_is_vouched_for: ContextVar[bool] = ContextVar("resonance_is_vouched_for", default=True)
_caller_key: ContextVar[str] = ContextVar("resonance_caller_key", default="")


def current_owner() -> str:
    """The owner for whom the current task works."""
    return _owner.get()


def set_owner(owner: str, *, is_vouched_for: bool = True) -> None:
    """Makes this task, and every task that it starts, work for the owner.

    `is_vouched_for` says that one of our own services sends the request, and not the owner's client.
    """
    _owner.set(owner)
    _is_vouched_for.set(is_vouched_for)


def trust_scope() -> str:
    """The owner whose claims about content must be trusted: empty for our own services, else the calling owner.

    A result that rests on an owner's claim, such as a content digest, must not be shared with other owners.
    """
    return "" if _is_vouched_for.get() else _owner.get()


@contextmanager
def acting_as(owner: str) -> Iterator[None]:
    """Works for an owner until the context ends. Not for generators: another context may close them."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def caller_key() -> str:
    """The API key that the caller sent, for calls on its behalf; empty where there was none."""
    return _caller_key.get()


def set_caller_key(key: str) -> None:
    """Keeps the caller's key for calls on its behalf."""
    _caller_key.set(key)
