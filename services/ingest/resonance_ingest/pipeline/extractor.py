"""What ingest asks of `extract`, as values: the port that `backends.py` speaks gRPC behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from resonance_ingest.jobs.job import Fault
from resonance_ingest.pipeline.clips import ClipShape
from resonance_ingest.pipeline.preparation import PreparedTrack


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionRequest:
    """One extraction: the taste's id (which is the job's), its title and options, and the tracks to hear."""

    taste_id: str
    title: str
    options: dict[str, Any]
    tracks: Sequence[PreparedTrack]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The extractor wants these tracks; it knows the others already, and of these the first `clips_known[index]` clips."""

    track_indices: frozenset[int]
    clips_known: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipsRead:
    """So many clips of a track have been through the model."""

    track_index: int
    clips_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRefused:
    """The extractor cannot use the track."""

    track_index: int
    fault: Fault


Event = Planned | ClipsRead | TrackRefused


class Extractor(Protocol):
    """The service that listens. Every method raises Unavailable where it cannot be reached."""

    async def shape(self) -> ClipShape:
        """What it wants to hear."""
        ...

    async def extract(self, extraction: ExtractionRequest, on_event: Callable[[Event], None]) -> dict[str, Any]:
        """Streams the clips that are wanted; returns the JSON form of the taste that was stored."""
        ...

    async def delete_taste(self, taste_id: str) -> None:
        """Removes a taste; one that does not exist is no error."""
        ...
