"""Submitted work as values: kind, id, owner, argument, state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ARGUMENT_BYTES_MAX = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One workflow to run: `kind` is its registered name, `work_id` the public id of what it makes.

    The argument carries ids and keys alone: never sound, pictures, words of people, or secrets, because the engine keeps it.

    Raises:
        ValueError: the argument has more than 16 KiB as JSON.
    """

    kind: str
    work_id: str
    owner: str
    task_queue: str
    argument: Mapping[str, str]

    def __post_init__(self) -> None:
        if len(json.dumps(dict(self.argument))) > ARGUMENT_BYTES_MAX:
            raise ValueError(f"the argument of {self.kind} {self.work_id} is larger than {ARGUMENT_BYTES_MAX} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A workflow without argument that the engine starts again and again, on one worker of all. Its kind is its id."""

    kind: str
    task_queue: str
    every_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFilter:
    """Which work is listed; what is empty or None lets everything pass. Ages are since the start, in seconds."""

    kind: str = ""
    owner: str = ""
    status: str = ""
    reason: str = ""
    older_than_s: float | None = None
    younger_than_s: float | None = None


class WorkStatus(StrEnum):
    """Status of work as operators see it."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkState:
    """Work as the engine knows it.

    `attempts` is of the activities that are open now; `last_failure` and `reason` are theirs too, or those with which the work ended.
    `list` leaves the three out where no reason was asked for.
    """

    kind: str
    work_id: str
    owner: str
    status: WorkStatus
    started: datetime
    ended: datetime | None = None
    attempts: int = 0
    last_failure: str = ""
    reason: str = ""
