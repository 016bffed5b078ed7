"""Scripted ExtractService without a model.

It checks the protocol, counts and records clips, and fails where a test asks.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from resonance.errors import InvalidInput, NotFound, ResonanceError
from resonance.v1 import extract_pb2, extract_pb2_grpc, generate_pb2, jobs_pb2, steering_pb2


@dataclass(kw_only=True)
class ScriptedExtract(extract_pb2_grpc.ExtractServiceServicer):
    """An ExtractService that records the digest of each clip's samples, in `heard` by track. It does not ask for `cached` tracks.

    Like the real service it keeps each clip, so that another process goes on where an interrupted one stopped.
    """

    sample_rate_hz: int = 16_000
    clip_s: float = 10.0
    hop_s: float = 8.0
    clip_min_s: float = 1.0
    pause_s: float = 0.0
    fails_with: list[ResonanceError] = field(default_factory=list)
    refused_tracks: frozenset[int] = frozenset()
    cached: set[str] = field(default_factory=set)
    tastes: dict[str, Any] = field(default_factory=dict)
    heard: dict[int, list[str]] = field(default_factory=dict)
    kept: dict[str, list[str]] = field(default_factory=dict)
    clips_heard: int = 0
    calls: int = 0
    running: int = 0
    listening: asyncio.Event = field(default_factory=asyncio.Event)

    async def GetExtractor(self, request: Any, context: Any) -> Any:
        model = generate_pb2.ModelInfo(sample_rate_hz=self.sample_rate_hz)
        return extract_pb2.GetExtractorResponse(
            model=model, clip_s=self.clip_s, hop_s=self.hop_s, clip_min_s=self.clip_min_s
        )

    async def DeleteTaste(self, request: Any, context: Any) -> Any:
        if self.tastes.pop(request.taste_id, None) is None:
            raise NotFound("no such taste", reason="NO_SUCH_TASTE")
        return extract_pb2.DeleteTasteResponse()

    async def ExtractTaste(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        self.calls += 1
        self.running += 1
        try:
            if self.fails_with:
                raise self.fails_with.pop(0)
            start = (await anext(requests)).start
            async for response in self._extract(start, requests):
                yield response
        finally:
            self.running -= 1

    async def _extract(self, start: Any, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        wanted = [track for track in start.tracks if track.sha256 not in self.cached]
        heard = {track.index: list(self.kept.get(track.sha256, [])) for track in wanted}  # of this call alone
        plan = extract_pb2.ExtractionPlan(track_indices=list(heard), clips_known=map(len, heard.values()))
        yield extract_pb2.ExtractTasteResponse(plan=plan)
        names = {track.index: track.sha256 for track in wanted}
        async for track_index, clip_index in self._clips(requests, heard):
            self.listening.set()
            self.clips_heard += 1
            self.kept[names[track_index]] = heard[track_index].copy()
            await asyncio.sleep(self.pause_s)
            if track_index in self.refused_tracks:
                if clip_index == 0:
                    yield _refusal(track_index)
                continue
            progress = extract_pb2.ExtractionProgress(track_index=track_index, clips_done=clip_index + 1)
            yield extract_pb2.ExtractTasteResponse(progress=progress)
        for track in wanted:
            if len(heard.get(track.index, [])) != track.clip_count:
                raise InvalidInput("clips of the plan are missing", reason="CLIPS_MISSING")
            self.cached.add(track.sha256)
            self.kept.pop(track.sha256, None)
        for track in start.tracks:  # also of a track that is known: it is as silent as it was
            if track.index in self.refused_tracks and track not in wanted:
                yield _refusal(track.index)
        self.heard.update(heard)
        tracks = [steering_pb2.TasteTrack(title=track.title, sha256=track.sha256) for track in start.tracks]
        taste = steering_pb2.TasteSummary(taste_id=start.taste_id, tracks=tracks, options=start.options)
        self.tastes[start.taste_id] = taste
        yield extract_pb2.ExtractTasteResponse(taste=taste)

    async def _clips(self, requests: AsyncIterator[Any], heard: dict[int, list[str]]) -> AsyncIterator[tuple[int, int]]:
        """Reads clips and asserts that they follow the protocol. Fills `heard`: track -> digests of clips."""
        clip, digest, missing, sequence = None, hashlib.sha256(), 0, 0
        async for request in requests:
            if request.HasField("clip"):
                assert not missing, "a clip is whole before the next one opens"
                clip, digest, missing = request.clip, hashlib.sha256(), request.clip.sample_count
                continue
            chunk = request.chunk
            assert clip is not None
            assert chunk.sequence == sequence
            assert len(chunk.data) == 4 * chunk.sample_count <= 64_000
            digest.update(chunk.data)
            missing, sequence = missing - chunk.sample_count, sequence + 1
            if not missing:
                assert len(heard.setdefault(clip.track_index, [])) == clip.clip_index
                heard[clip.track_index].append(digest.hexdigest())
                yield clip.track_index, clip.clip_index
        assert not missing


def _refusal(track_index: int) -> Any:
    fault = jobs_pb2.Fault(reason="SILENT", message="The track is silent.")
    return extract_pb2.ExtractTasteResponse(
        track_fault=extract_pb2.ExtractionTrackFault(track_index=track_index, fault=fault)
    )
