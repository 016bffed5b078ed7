"""Python client over gRPC for coroutines: `AsyncClient`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from resonance.any_text import display_name
from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.audio.delivery.formats import format_named
from resonance.audio.delivery.tags import Provenance
from resonance.client.adoption import AdoptionCalls
from resonance.client.requests import build_refine_request, build_request
from resonance.client.resumed_take import read_resumed
from resonance.client.rooms import RoomCalls
from resonance.client.song_files import find_songs
from resonance.client.speech import SpeechCalls
from resonance.client.take_reader import TakeReader, read_take
from resonance.client.videos import VideoCalls
from resonance.errors import NotFound, ResonanceError
from resonance.ids import new_request_id
from resonance.lanes import LanesFile, build_lanes_request, take_lanes
from resonance.rpc.calls import stream_call, unary_call, watched
from resonance.rpc.channel import open_channel
from resonance.rpc.tls import TlsFolder
from resonance.settings import Settings, read_settings
from resonance.v1 import (
    extract_pb2,
    extract_pb2_grpc,
    generate_pb2,
    generate_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    jobs_pb2,
    rooms_pb2_grpc,
    speech_pb2_grpc,
    steering_pb2,
    video_pb2_grpc,
)

DEFAULT_ADDRESS = "127.0.0.1:50051"
_PART_BYTES = 256 * 1024
_DATA_BYTES_MAX = 4 * 1024 * 1024  # of a sound inside of a request
OnJob = Callable[[jobs_pb2.Job], None]


@dataclass(frozen=True, kw_only=True)
class Song:
    """A whole take: the model's own samples (interleaved 16-bit PCM), their description, and the files that are made of them."""

    pcm: bytes = field(repr=False)
    take: generate_pb2.Take

    @cached_property
    def wav(self) -> bytes:
        """The WAV file, levelled and marked."""
        return self.file()

    def file(
        self,
        form: str = "wav",
        *,
        raw: bool = False,
        level: bool = True,
        settings: Settings | None = None,
    ) -> bytes:
        """The take as a file: wav, flac, mp3, opus or m4a. `raw` keeps the model's own samples to the bit, for wav and flac.

        Other formats than WAV need the extra `delivery`. Without it WAV files have tags and watermark, and no content credentials.
        """
        choice = Choice(form=format_named(form), is_raw=raw, is_levelled=level)
        audio = self.take.format
        return Delivery(settings or read_settings()).file(
            self.pcm,
            Provenance.of(self.take),
            choice,
            sample_rate_hz=audio.sample_rate_hz,
            channel_count=max(1, audio.channel_count),
        )


class AsyncClient:
    """Client over gRPC, of all services at one address or at one each.

    Every method raises the domain errors of `resonance.errors`.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        ingest: str = "",
        extract: str = "",
        generate: str = "",
        speech: str = "",
        video: str = "",
        api_key: str = "",
        service_key: str = "",
        tls_dir: str = "",
        tls_server_name: str = "",
    ) -> None:
        """`api_key` is needed where the services ask for one. The installation's operator may give `service_key` in its place.

        `tls_dir` is a folder as of RESONANCE_TLS_DIR, where the services ask for certificates; `tls_server_name` is the name that
        theirs carry, where it is not the address's. An address `https://host` is TLS with the public authorities.
        """
        tls = TlsFolder(Path(tls_dir)) if tls_dir else None
        self._channels = [
            open_channel(
                target or address, api_key=api_key, service_key=service_key, tls=tls, tls_server_name=tls_server_name
            )
            for target in (ingest, extract, generate, video, speech)
        ]
        self.ingest = ingest_pb2_grpc.IngestServiceStub(self._channels[0])
        self.extract = extract_pb2_grpc.ExtractServiceStub(self._channels[1])
        self.generate = generate_pb2_grpc.GenerateServiceStub(self._channels[2])
        self.rooms = RoomCalls(rooms_pb2_grpc.RoomServiceStub(self._channels[2]))
        self.speech = SpeechCalls(speech_pb2_grpc.SpeechServiceStub(self._channels[4]))
        self.adoption = AdoptionCalls(self.extract)
        self.videos = VideoCalls(video_pb2_grpc.VideoServiceStub(self._channels[3]), self.ingest)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channels."""
        for channel in self._channels:
            await channel.close()

    async def model(self) -> generate_pb2.ModelInfo:
        """The loaded model."""
        return (await unary_call(self.generate.GetModel(generate_pb2.GetModelRequest()))).model

    async def concepts(self) -> list[extract_pb2.Concept]:
        """The concepts of the loaded model, sliders first."""
        return list((await unary_call(self.extract.ListConcepts(extract_pb2.ListConceptsRequest()))).concepts)

    async def compute_concept(
        self,
        name: str,
        pairs: Sequence[tuple[str, str]] = (),
        music_pairs: Sequence[tuple[extract_pb2.MusicSource, extract_pb2.MusicSource]] = (),
    ) -> extract_pb2.Concept:
        """Computes a concept from (more, less) pairs of prompts, of stored music, or of both."""
        request = extract_pb2.ComputeConceptRequest(
            name=name,
            pairs=[extract_pb2.PromptPair(positive=more, negative=less) for more, less in pairs],
            music_pairs=[extract_pb2.MusicPair(positive=more, negative=less) for more, less in music_pairs],
        )
        return await _read_concept(stream_call(self.extract.ComputeConcept(request)))

    async def reference(self) -> extract_pb2.ReferenceSummary:
        """The reference of the loaded model."""
        return (await unary_call(self.extract.GetReference(extract_pb2.GetReferenceRequest()))).reference

    async def calibrate_concept(self, name: str) -> extract_pb2.Concept:
        """Measures a concept's safe range, and waits for it."""
        request = extract_pb2.CalibrateConceptRequest(name=name)
        return await _read_concept(watched(lambda: self.extract.CalibrateConcept(request)))

    async def refine(
        self, text: str, sliders: Mapping[str, float] | None = None, **options: Any
    ) -> extract_pb2.RefineResponse:
        """Slider and concept positions for a wish in words; the options are those of `build_refine_request`."""
        return await unary_call(self.extract.Refine(build_refine_request(text, sliders, **options)))

    async def calibration_job(
        self,
        request: extract_pb2.StartCalibrationJobRequest,
        *,
        on_change: Callable[[extract_pb2.CalibrationJob], None] | None = None,
    ) -> extract_pb2.CalibrationJob:
        """Starts or resumes a calibration job and waits for it. The job continues when the client disconnects.

        Raises ResonanceError with the job's own reason where it failed or was cancelled.
        """
        calibration_job = (await unary_call(self.extract.StartCalibrationJob(request))).calibration_job
        watch = extract_pb2.WatchCalibrationJobRequest(calibration_job_id=calibration_job.calibration_job_id)
        async for response in watched(lambda: self.extract.WatchCalibrationJob(watch)):
            calibration_job = response.calibration_job
            if on_change is not None:
                on_change(calibration_job)
        if calibration_job.state != extract_pb2.CALIBRATION_JOB_STATE_COMPLETED:
            raise ResonanceError(
                calibration_job.error.message or "the calibration job was cancelled",
                reason=calibration_job.error.reason or "CANCELLED",
            )
        return calibration_job

    async def taste_from_url(
        self,
        url: str,
        *,
        options: steering_pb2.TasteOptions | None = None,
        title: str = "",
        on_change: OnJob | None = None,
    ) -> jobs_pb2.Job:
        """Makes a taste of a link and waits for it. `build_taste_options` builds `options`."""
        request = ingest_pb2.SubmitPlaylistRequest(request_id=new_request_id(), url=url, options=options, title=title)
        job = (await unary_call(self.ingest.SubmitPlaylist(request))).job
        return await self.wait(job.job_id, on_change=on_change)

    async def taste_from_files(
        self,
        paths: Sequence[str | Path],
        *,
        options: steering_pb2.TasteOptions | None = None,
        title: str = "",
        on_change: OnJob | None = None,
    ) -> jobs_pb2.Job:
        """Uploads files, makes a taste of them and waits for it. `build_taste_options` builds `options`.

        Of a folder its songs are taken (`song_files.find_songs`). Raises NotFound for a path that does not exist.
        """
        paths = _resolve_folders(paths)
        _check_files(paths)
        header = ingest_pb2.UploadHeader(request_id=new_request_id(), options=options, title=title)
        job = (await unary_call(self.ingest.UploadPlaylist(_upload_parts(header, paths)))).job
        return await self.wait(job.job_id, on_change=on_change)

    async def origin_sound(self, path: str | Path) -> generate_pb2.OriginSound:
        """A sound file for `build_request(origin_sound=...)`. A large one becomes an upload, which the service keeps for a day.

        Raises NotFound for a path that does not exist.
        """
        _check_files([path])
        path = Path(path)
        byte_count = (await asyncio.to_thread(path.stat)).st_size
        name = display_name(path)
        if byte_count <= _DATA_BYTES_MAX:
            return generate_pb2.OriginSound(data=await asyncio.to_thread(path.read_bytes), filename=name)
        opening = ingest_pb2.OpenUploadRequest(filename=name, byte_count=byte_count)
        upload_id = (await unary_call(self.ingest.OpenUpload(opening))).upload.upload_id
        await unary_call(self.ingest.WriteUpload(_write_parts(upload_id, path)))
        return generate_pb2.OriginSound(upload_id=upload_id)

    async def retry(self, job_id: str, *, on_change: OnJob | None = None) -> jobs_pb2.Job:
        """Retries the failed tracks of a final job in a new job, and waits for it."""
        job = (await unary_call(self.ingest.RetryJob(ingest_pb2.RetryJobRequest(job_id=job_id)))).job
        return await self.wait(job.job_id, on_change=on_change)

    async def wait(self, job_id: str, *, on_change: OnJob | None = None) -> jobs_pb2.Job:
        """Watches a job until it is final.

        Raises:
            ResonanceError: the job failed, with its own reason, or was cancelled.
        """
        job, watch = jobs_pb2.Job(), ingest_pb2.WatchJobRequest(job_id=job_id)
        async for response in watched(lambda: self.ingest.WatchJob(watch)):
            job = response.job
            if on_change is not None and not response.is_unchanged:
                on_change(job)
        if job.state != jobs_pb2.JOB_STATE_COMPLETED:
            raise ResonanceError(job.error.message or "the job was cancelled", reason=job.error.reason or "CANCELLED")
        return job

    async def stream(
        self, request: generate_pb2.GenerateRequest
    ) -> AsyncGenerator[generate_pb2.GenerateResponse, None]:
        """A take's messages while it is made, each verified. A stream that is cut is resumed at its sample, on any replica.

        A request without an id gets one, by which the services know the take again.

        Raises:
            Unavailable: no replica answered for a minute, or for a few tries where the take had not begun.
            DataLoss: what came is not what was sent.
        """
        request.request_id = request.request_id or new_request_id()

        def begin(sample_offset: int) -> AsyncGenerator[generate_pb2.GenerateResponse, None]:
            request.resume_sample_offset = sample_offset
            return stream_call(self.generate.Generate(request))

        reader = TakeReader(sample_offset=request.resume_sample_offset)
        async with aclosing(read_resumed(begin, reader)) as responses:
            async for response in responses:
                yield response

    async def variations(
        self, request: generate_pb2.GenerateRequest, count: int
    ) -> AsyncGenerator[generate_pb2.GenerateVariationsResponse, None]:
        """Several takes of one request, message by message, each verified. A variation may fail while the others go on.

        Raises:
            DataLoss: what came is not what was sent.
            Unavailable: the call was cut. Each take can be asked for again by its own id and seed.
        """
        asked = generate_pb2.GenerateVariationsRequest(request=request, count=count)
        readers = {variation: TakeReader() for variation in range(1, count + 1)}
        async with aclosing(stream_call(self.generate.GenerateVariations(asked))) as responses:
            async for response in responses:
                if response.HasField("failed"):
                    del readers[response.variation]
                else:
                    readers[response.variation].read(response.response)
                yield response
        for reader in readers.values():
            reader.check_finished()

    async def perform(
        self, requests: AsyncIterator[generate_pb2.PerformRequest]
    ) -> AsyncGenerator[generate_pb2.PerformResponse, None]:
        """A live performance: opening and controls in, verified events out, until a control stops it or the caller closes it."""
        async with aclosing(stream_call(self.generate.Perform(requests))) as responses:
            async for response in read_take(responses):
                yield response

    async def make(self, prompt: str, **options: Any) -> Song:
        """A whole take. Options are those of `build_request`."""
        if options.get("tastes_then"):
            options = {"tempi_bpm": (await self.model()).capabilities.tempo.bpm} | options
        return await self._make(build_request(prompt, **options))

    async def lanes(self, request_id: str) -> LanesFile:
        """The lanes of a finished take; `write_lanes` writes them into a `*.resonance.json` file. Raises NotFound."""
        asked = generate_pb2.GetTakeRequest(request_id=request_id)
        return take_lanes((await unary_call(self.generate.GetTake(asked))).take)

    async def play_lanes(self, lanes: LanesFile, *, seed: int | None = None) -> Song:
        """The take of lanes, with their own seed or another one. `build_lanes_request` tells what will be otherwise than in the file."""
        return await self._make(build_lanes_request(lanes, await self.model(), seed=seed).request)

    async def _make(self, request: generate_pb2.GenerateRequest) -> Song:
        pcm, take = bytearray(), generate_pb2.Take()
        async for response in self.stream(request):
            pcm += response.chunk.data
            if response.HasField("finished"):
                take = response.finished.take
        return Song(pcm=bytes(pcm), take=take)


async def _read_concept(responses: AsyncIterator[Any]) -> extract_pb2.Concept:
    concept = extract_pb2.Concept()
    async for response in responses:
        if response.HasField("concept"):
            concept = response.concept
    return concept


def _resolve_folders(paths: Sequence[str | Path]) -> Sequence[str | Path]:
    return find_songs(paths).songs if any(Path(path).is_dir() for path in paths) else paths


def _check_files(paths: Sequence[str | Path]) -> None:
    """Checks paths before the call: gRPC reports an error inside a request iterator as a bare cancellation."""
    for path in map(Path, paths):
        if not path.is_file():
            raise NotFound(f"{path} is not a file", reason="NO_SUCH_FILE")


async def _write_parts(upload_id: str, path: Path) -> AsyncGenerator[ingest_pb2.WriteUploadRequest, None]:
    yield ingest_pb2.WriteUploadRequest(position=ingest_pb2.UploadPosition(upload_id=upload_id, offset=0))
    with path.open("rb") as file:
        while part := await asyncio.to_thread(file.read, _PART_BYTES):
            yield ingest_pb2.WriteUploadRequest(data=part)


async def _upload_parts(
    header: ingest_pb2.UploadHeader, paths: Sequence[str | Path]
) -> AsyncGenerator[ingest_pb2.UploadPlaylistRequest, None]:
    header.track_count = len(paths)
    yield ingest_pb2.UploadPlaylistRequest(header=header)
    for path in map(Path, paths):
        byte_count = (await asyncio.to_thread(path.stat)).st_size
        yield ingest_pb2.UploadPlaylistRequest(
            track=ingest_pb2.UploadTrack(filename=display_name(path), byte_count=byte_count)
        )
        with path.open("rb") as file:
            while part := await asyncio.to_thread(file.read, _PART_BYTES):
                yield ingest_pb2.UploadPlaylistRequest(data=part)
