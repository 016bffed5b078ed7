"""Python client without an event loop: `Client`.

>>> from resonance.client import Client
>>> with Client() as resonance:
...     taste = resonance.taste_from_files(["one.mp3", "two.flac", "three.m4a"])
...     song = resonance.make("calm piano for studying", taste_id=taste.job_id, duration_s=10)
...     Path("song.wav").write_bytes(song.wav)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from resonance.client.client import DEFAULT_ADDRESS, AsyncClient, Song
from resonance.lanes import LanesFile
from resonance.v1 import extract_pb2, generate_pb2, jobs_pb2, video_pb2

Result = TypeVar("Result")


class Client:
    """`AsyncClient` for code without an event loop: the same methods, blocking. Its event loop runs on a thread."""

    def __init__(self, address: str = DEFAULT_ADDRESS, **addresses: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="resonance-client", daemon=True)
        self._thread.start()
        self._inner = self._wait(_open(address, addresses))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channels and the thread."""
        self._wait(self._inner.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def model(self) -> generate_pb2.ModelInfo:
        """The loaded model."""
        return self._wait(self._inner.model())

    def concepts(self) -> list[extract_pb2.Concept]:
        """The concepts of the loaded model, sliders first."""
        return self._wait(self._inner.concepts())

    def compute_concept(
        self,
        name: str,
        pairs: Sequence[tuple[str, str]] = (),
        music_pairs: Sequence[tuple[extract_pb2.MusicSource, extract_pb2.MusicSource]] = (),
    ) -> extract_pb2.Concept:
        """Computes a concept from (more, less) pairs of prompts, of stored music, or of both."""
        return self._wait(self._inner.compute_concept(name, pairs, music_pairs))

    def reference(self) -> extract_pb2.ReferenceSummary:
        """The reference of the loaded model."""
        return self._wait(self._inner.reference())

    def calibrate_concept(self, name: str) -> extract_pb2.Concept:
        """Measures a concept's safe range, and waits for it."""
        return self._wait(self._inner.calibrate_concept(name))

    def refine(
        self, text: str, sliders: Mapping[str, float] | None = None, **options: Any
    ) -> extract_pb2.RefineResponse:
        """Slider and concept positions for a wish in words; the options are those of `build_refine_request`."""
        return self._wait(self._inner.refine(text, sliders, **options))

    def calibration_job(
        self, request: extract_pb2.StartCalibrationJobRequest, **options: Any
    ) -> extract_pb2.CalibrationJob:
        """Starts or resumes a calibration job and waits for it."""
        return self._wait(self._inner.calibration_job(request, **options))

    def taste_from_url(self, url: str, **options: Any) -> jobs_pb2.Job:
        """Makes a taste of a link and waits for it."""
        return self._wait(self._inner.taste_from_url(url, **options))

    def taste_from_files(self, paths: Sequence[str | Path], **options: Any) -> jobs_pb2.Job:
        """Uploads files, makes a taste of them and waits for it."""
        return self._wait(self._inner.taste_from_files(paths, **options))

    def origin_sound(self, path: str | Path) -> generate_pb2.OriginSound:
        """A sound file for `build_request(origin_sound=...)`; a large one becomes an upload."""
        return self._wait(self._inner.origin_sound(path))

    def retry(self, job_id: str, **options: Any) -> jobs_pb2.Job:
        """Retries the failed tracks of a final job in a new job, and waits for it."""
        return self._wait(self._inner.retry(job_id, **options))

    def stream(self, request: generate_pb2.GenerateRequest) -> Iterator[generate_pb2.GenerateResponse]:
        """A take's messages while it is made, each verified."""
        responses = self._inner.stream(request)
        try:
            while (response := self._wait(_next(responses))) is not None:
                yield response
        finally:
            self._wait(_close(responses))

    def variations(
        self, request: generate_pb2.GenerateRequest, count: int
    ) -> Iterator[generate_pb2.GenerateVariationsResponse]:
        """Several takes of one request, message by message, each verified."""
        responses = self._inner.variations(request, count)
        try:
            while (response := self._wait(_next(responses))) is not None:
                yield response
        finally:
            self._wait(_close(responses))

    def make(self, prompt: str, **options: Any) -> Song:
        """A whole take. Options are those of `build_request`."""
        return self._wait(self._inner.make(prompt, **options))

    def lanes(self, request_id: str) -> LanesFile:
        """The lanes of a finished take."""
        return self._wait(self._inner.lanes(request_id))

    def play_lanes(self, lanes: LanesFile, *, seed: int | None = None) -> Song:
        """The take of lanes, with their own seed or another one."""
        return self._wait(self._inner.play_lanes(lanes, seed=seed))

    def make_video(self, take_id: str, concept: str, **options: Any) -> video_pb2.Video:
        """Makes a video of a take and waits for it. Options are those of `VideoCalls.make`."""
        return self._wait(self._inner.videos.make(take_id, concept, **options))

    def redo_scene(self, video_id: str, shot_id: str, instruction: str = "", **options: Any) -> video_pb2.Video:
        """Makes another version of one scene and waits for the video."""
        return self._wait(self._inner.videos.redo(video_id, shot_id, instruction, **options))

    def picture_curves(self, picture: str | Path) -> video_pb2.GetPictureCurvesResponse:
        """Slider positions over time that fit a clip (a file), or the plan of a video (its id)."""
        is_file = Path(picture).is_file()
        video_id, clip = ("", Path(picture)) if is_file else (str(picture), None)
        return self._wait(self._inner.videos.picture_curves(video_id, clip=clip))

    def save_video(self, video_id: str, out: str | Path, **options: Any) -> video_pb2.VideoFile:
        """Writes a film into a file. Options are those of `VideoCalls.save`."""
        return self._wait(self._inner.videos.save(video_id, Path(out), **options))

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _open(address: str, addresses: Mapping[str, str]) -> AsyncClient:
    return AsyncClient(address, **addresses)


async def _next(responses: AsyncIterator[Result]) -> Result | None:
    return await anext(responses, None)


async def _close(responses: Any) -> None:
    await responses.aclose()
