"""Extractor protocol: the calls of `extract` that ingest needs.

Requests and answers are values. `extract_client` implements it over gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from resonance_ingest.jobs.job import Fault, Job
from resonance_ingest.pipeline.clips import ClipShape
from resonance_ingest.pipeline.preparation import PreparedTrack


class ExtractionObserver(Protocol):
    """Receives the events of one extraction, in the order in which the extractor sends them."""

    def on_plan(self, clips_known: Mapping[int, int]) -> None:
        """The extractor wants these tracks, by index, and knows so many first clips of each; it knows all others."""
        ...

    def on_clip(self, track_index: int, clips_done: int) -> None:
        """So many clips of a track have been through the model."""
        ...

    def on_refusal(self, track_index: int, fault: Fault) -> None:
        """The extractor cannot use the track."""
        ...


class Extractor(Protocol):
    """The extract service. Every method raises Unavailable where it cannot be reached."""

    async def shape(self) -> ClipShape:
        """The rate and length of clips that its model needs."""
        ...

    async def extract(self, job: Job, tracks: Sequence[PreparedTrack], observer: ExtractionObserver) -> dict[str, Any]:
        """Streams the clips that the plan wants; returns the JSON form of the stored taste, whose id is the job's."""
        ...

    async def delete_taste(self, taste_id: str) -> None:
        """Removes a taste; one that does not exist is no error."""
        ...
