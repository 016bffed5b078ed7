"""Script of the scripted services, and their record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from resonance.errors import ResonanceError
from resonance.v1 import (
    extract_pb2,
    generate_pb2,
    ingest_pb2,
    jobs_pb2,
    speech_pb2,
    steering_pb2,
)

RATE_HZ = 16_000  # as of the embedded model
CUT_FOR_GOOD = [0] * 20  # more calls without a sample than a gateway tries
MODEL = generate_pb2.ModelInfo(
    model_id="scripted",
    digest="0" * 64,
    backend="transformers",
    sample_rate_hz=RATE_HZ,
    frame_rate_hz=50,
    codebook_count=4,
    layer_count=6,
    hidden_size=64,
    trained_duration_s=30,
    take_duration_s_max=300,
    capabilities=generate_pb2.ModelCapabilities(
        negative_prompt=True, steering=True, live=True, prompt_languages=["en"]
    ),
    weights_license="Apache-2.0",
    training_data="sine waves",
    precision="fp32",
    slot_count=4,
    limits_note="It hums one chord.",
)


@dataclass
class Script:
    """Behaviour of the services, and a record of the requests."""

    chunk_wait_s: float = 0.0
    live_chunk_wait_s: float = 0.1  # chunks of 0.2 s: twice real time
    job_wait_s: float = 0.02
    accept_wait_s: float = 0.0
    cuts: list[int] = field(default_factory=list)  # the next streams end without an end mark after so many chunks
    places: list[int] = field(
        default_factory=list
    )  # told by the next stream, one each `place_wait_s`, before its first chunk
    place_wait_s: float = 0.0
    wrong_digest: bool = False
    is_full: bool = False
    refusals: dict[str, ResonanceError] = field(default_factory=dict)  # what these rpcs of GenerateService raise
    refused_ids: dict[str, ResonanceError] = field(default_factory=dict)  # what takes of these ids raise
    notices: tuple[str, ...] = ()
    revoked: list[str] = field(default_factory=list)
    played: tuple[steering_pb2.PlayedStrength, ...] = ()
    generate_requests: list[generate_pb2.GenerateRequest] = field(default_factory=list)
    backends: list[generate_pb2.BackendInfo] = field(default_factory=list)
    streams: set[object] = field(default_factory=set)  # open streams of takes and performances since the last reset
    performed: list[steering_pb2.Recipe] = field(default_factory=list)
    commands: list[int] = field(default_factory=list)  # of every control of a performance, 0 for none
    follows_tunes: bool = False
    taste_strength_max: float = 2.0  # where every taste's calibrated range ends
    is_calibrated: bool = True  # whether every taste's range has been measured; a calibration job that ends measures it
    calibration_job_wait_s: float = 0.0  # between a calibration job's steps
    calibration_job_fault: str = ""  # what the next calibration job ends with
    calibration_jobs: list[str] = field(default_factory=list)  # what became of them: started, cancelled
    # The phrases that the model knows, and their concepts.
    phrases: dict[str, str] = field(default_factory=lambda: {"rainy night": "phrase-00000000000000aa"})
    refine_wait_s: float = 0.0
    spoken: str = "more bass"  # heard in every recording; empty for nothing
    voices: list[speech_pb2.Voice] = field(default_factory=list)
    recognizer: speech_pb2.RecognizerInfo = field(
        default_factory=lambda: speech_pb2.RecognizerInfo(name="scripted", is_local=True)
    )
    recordings: list[bytes] = field(default_factory=list)
    adoption: extract_pb2.Adoption = field(
        default_factory=lambda: extract_pb2.Adoption(model_digest="d1", state=extract_pb2.ADOPTION_STATE_COMPLETED)
    )
    tunes: list[bytes] = field(default_factory=list)  # each performance's first, and every change; empty for none
    uploads: list[tuple[str, int]] = field(default_factory=list)
    upload_headers: list[ingest_pb2.UploadHeader] = field(default_factory=list)
    upload_messages_max: int = 0
    takes: dict[str, tuple[generate_pb2.Take, bytes]] = field(default_factory=dict)
    jobs: dict[str, jobs_pb2.Job] = field(default_factory=dict)

    def reset(self) -> None:
        """Back to the beginning, for the next test before the same services."""
        vars(self).update(vars(Script()))

    @property
    def streams_open(self) -> int:
        return len(self.streams)

    @contextmanager
    def open_stream(self) -> Iterator[None]:
        """Counts a stream while it is open; a stream that ends after a reset does not change the new count."""
        streams, stream = self.streams, object()
        streams.add(stream)
        try:
            yield
        finally:
            streams.discard(stream)

    async def until_streams_open(self, count: int, within_s: float = 20.0) -> None:
        """Waits until so many streams are open: a client's answer can come before its stream opens or closes."""
        async with asyncio.timeout(within_s):
            while self.streams_open != count:
                await asyncio.sleep(0.01)
