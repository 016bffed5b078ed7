"""Audit log: one line of JSON for each change of something owned, and for each change of keys.

It has a logger of its own, which no log level silences. A line has names and ids; it never has prompts, titles or secrets.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import Any

from google.protobuf.message import Message

from resonance.settings import Settings
from resonance.telemetry.traces import current_request_id, current_trace_id

_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_IDS_MAX = 16
_log = logging.getLogger("resonance.audit")
_log.setLevel(logging.INFO)
_log.propagate = False


def configure_audit(settings: Settings, stack: AsyncExitStack | ExitStack) -> None:
    """Sends the lines to `settings.audit_file`, or without one to standard error, until the stack closes.

    The file is opened anew when another program has moved it away. Raises OSError where it cannot be written to.
    """
    file = settings.audit_file
    handler = WatchedFileHandler(file, encoding="utf-8") if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)

    def stop() -> None:
        _log.removeHandler(handler)
        handler.close()

    stack.callback(stop)


def audit(
    act: str, *, owner: str, key_id: str, outcome: str, objects: Mapping[str, str] | None = None, reason: str = ""
) -> None:
    """Writes a line: who (owner, and the id of the key or `token`), what, on which objects, with which outcome."""
    line = {
        "timestamp": datetime.now(UTC).isoformat(),
        "logger": "audit",
        "act": act,
        "owner": owner,
        "key_id": key_id,
        "objects": dict(objects or {}),
        "outcome": outcome,
        "reason": reason,
        "request_id": current_request_id(),
        "trace_id": current_trace_id(),
    }
    _log.info(json.dumps({name: value for name, value in line.items() if value != ""}))


def find_ids(message: Any) -> dict[str, str]:
    """The ids that a message names, by their fields: of the message itself and of the messages in it, and of nothing else."""
    found: dict[str, str] = {}
    if isinstance(message, Message):
        _collect(message, found, depth=2)
    return found


def _collect(message: Message, found: dict[str, str], depth: int) -> None:
    for field, value in message.ListFields():
        if isinstance(value, Message):
            if depth > 1:
                _collect(value, found, depth - 1)
        elif field.name.endswith("_id") and isinstance(value, str) and _ID.fullmatch(value) and len(found) < _IDS_MAX:
            found.setdefault(field.name, value)
