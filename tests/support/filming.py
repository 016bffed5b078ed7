"""Video service under test: a scripted generate, plain scenes, a running service.

Scenes and films are real video files of plain colours, made in milliseconds, so that the tests of the service draw nothing. The
provider writes down each scene that it makes into a folder, where the tests of other processes count them too.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from resonance.errors import InvalidInput, NotFound, Unavailable
from resonance.rpc import RpcServer
from resonance.v1 import audio_pb2, generate_pb2, generate_pb2_grpc, speech_pb2, speech_pb2_grpc
from resonance_video.assembly import AssembledVideo, FlashReport
from resonance_video.models import (
    CharacterReference,
    KnownMusic,
    SceneRequest,
    Section,
    SectionRole,
    SongFrames,
    SongMap,
    Style,
)
from resonance_video.models.song_map import CuePoint
from resonance_video.scenes.provider import Progress, SceneCapabilities, SceneFile, SceneReference

SONG_S = 12.0
RATE_HZ = 32_000
TAKE_ID = "take-of-tests"
_WIDTH, _HEIGHT = 64, 96


class ScriptedTakes(generate_pb2_grpc.GenerateServiceServicer):
    """GenerateService with one finished take, which belongs to everybody; what it is asked to make sounds the same."""

    def __init__(self) -> None:
        self.takes = {TAKE_ID: _take(TAKE_ID)}
        time_s = np.arange(round(SONG_S * RATE_HZ)) / RATE_HZ
        self.pcm = (np.sin(time_s * 2 * np.pi * 220) * 8000).astype("<i2").tobytes()

    async def GetTake(self, request: Any, context: Any) -> generate_pb2.GetTakeResponse:
        return generate_pb2.GetTakeResponse(take=self._take(request.request_id))

    async def StreamTake(self, request: Any, context: Any) -> AsyncIterator[generate_pb2.StreamTakeResponse]:
        take = self._take(request.request_id)
        count = len(self.pcm) // 2
        started = generate_pb2.GenerationStarted(
            request_id=take.request_id, format=take.format, sample_count_total=count
        )
        yield generate_pb2.StreamTakeResponse(started=started)
        chunk = audio_pb2.AudioChunk(sequence=0, sample_offset=0, sample_count=count, data=self.pcm)
        yield generate_pb2.StreamTakeResponse(chunk=chunk)
        end = audio_pb2.StreamEnd(sample_count_total=count, sha256=hashlib.sha256(self.pcm).digest())
        yield generate_pb2.StreamTakeResponse(finished=generate_pb2.GenerationFinished(end=end, take=take))

    async def Generate(self, request: Any, context: Any) -> AsyncIterator[generate_pb2.GenerateResponse]:
        made = _take(request.request_id, recipe=request.recipe, cost_usd=0.08)
        self.takes[request.request_id] = made
        asked = generate_pb2.StreamTakeRequest(request_id=request.request_id)
        async for part in self.StreamTake(asked, context):
            yield generate_pb2.GenerateResponse.FromString(part.SerializeToString())

    def _take(self, request_id: str) -> generate_pb2.Take:
        if request_id not in self.takes:
            raise NotFound(f"there is no take {request_id}", reason="NO_SUCH_TAKE")
        return self.takes[request_id]


class ScriptedNarrator(speech_pb2_grpc.SpeechServiceServicer):
    """SpeechService that lays each section over a second of a take without sounding."""

    def __init__(self, takes: ScriptedTakes) -> None:
        self._takes = takes
        self.asked: list[speech_pb2.NarrateRequest] = []

    async def Narrate(self, request: Any, context: Any) -> speech_pb2.NarrateResponse:
        self.asked.append(request)
        sentences = [
            generate_pb2.SpokenSentence(text=one.text, start_s=1.0 + number, end_s=2.0 + number)
            for number, one in enumerate(request.sections)
        ]
        origin = self._takes.takes[request.take_request_id]
        narration = generate_pb2.Narration(take_request_id=origin.request_id, sentences=sentences)
        made = _take(request.request_id, recipe=origin.recipe, narration=narration, cost_usd=0.002)
        self._takes.takes[request.request_id] = made
        return speech_pb2.NarrateResponse(take=made)


def _take(request_id: str, **fields: Any) -> generate_pb2.Take:
    form = audio_pb2.AudioFormat(sample_rate_hz=RATE_HZ, channel_count=1, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE)
    return generate_pb2.Take(request_id=request_id, format=form, duration_s=SONG_S, **fields)


@asynccontextmanager
async def serving_takes() -> AsyncIterator[str]:
    """The address of a server with ScriptedTakes and ScriptedNarrator."""
    server = RpcServer("127.0.0.1:0")
    name = "resonance.v1.GenerateService"
    takes = ScriptedTakes()
    server.add(name, lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(takes, inner))
    speaks = "resonance.v1.SpeechService"
    narrator = ScriptedNarrator(takes)
    server.add(speaks, lambda inner: speech_pb2_grpc.add_SpeechServiceServicer_to_server(narrator, inner))
    await server.start()
    try:
        yield server.address
    finally:
        await server.stop(0)


class PlainScenes:
    """Scenes of one colour. `folder` holds what the tests ask for and what was made.

    A file `hold` makes scenes wait, `two` all but the first two, `slow` makes each take 0.3 s; `refuse-SHOT` refuses the scenes of a
    shot, and `away` makes the provider fail twice a scene.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def made(self) -> Counter[str]:
        """Finished scenes by their digest."""
        return Counter(path.name.split(".")[1] for path in self._folder.glob("made.*"))

    def begun(self) -> int:
        """Scenes that were begun, finished or not."""
        return len(list(self._folder.glob("begun.*")))

    def set(self, name: str, *, on: bool = True) -> None:
        """Creates or removes one of the files that steer the provider."""
        path = self._folder / name
        path.touch() if on else path.unlink(missing_ok=True)

    def capabilities(self) -> SceneCapabilities:
        return SceneCapabilities(
            name="plain",
            version="1",
            seconds_min=1.0,
            seconds_max=8.0,
            aspects=("9:16", "1:1", "16:9"),
            references_max=0,
            has_seeds=True,
            has_stills=True,
            price_per_s=0.0,
            is_local=True,
            renders_exactly=True,
        )

    def prompt_digest(self, request: SceneRequest) -> str:
        return request.digest()

    async def cast(self, character: CharacterReference, look: Style, folder: Path) -> SceneReference:
        raise AssertionError("no references are asked for")

    async def make(
        self,
        request: SceneRequest,
        references: tuple[SceneReference, ...],
        folder: Path,
        progress: Progress | None = None,
    ) -> SceneFile:
        digest = self.prompt_digest(request)
        tries = self._mark("begun", digest)
        if (self._folder / f"refuse-{request.shot.id}").exists():
            raise InvalidInput("this scene is refused", reason="SCENE_REFUSED")
        if (self._folder / "away").exists() and tries < 3:
            raise Unavailable("the provider is away", reason="PROVIDER_AWAY", retry_after_s=0.05)
        while (self._folder / "hold").exists() or self._is_third():
            await asyncio.sleep(0.02)
        if (self._folder / "slow").exists():
            await asyncio.sleep(0.3)
        video, still = folder / "scene.mp4", folder / "scene.png"
        await asyncio.to_thread(write_video, video, request.shot.frame_count, int(digest[:2], 16))
        still.write_bytes(b"\x89PNG\r\n\x1a\n" + digest.encode())
        self._mark("made", digest)
        return SceneFile(
            video=video,
            still=still,
            sha256=hashlib.sha256(video.read_bytes()).hexdigest(),
            width=_WIDTH,
            height=_HEIGHT,
            fps=request.fps,
            frame_count=request.shot.frame_count,
            prompt_digest=digest,
            made_with="plain 1",
            cost=0.0,
            colour_distances={},
        )

    def _is_third(self) -> bool:
        """True where two scenes are made and the others shall wait."""
        return (self._folder / "two").exists() and len(self.made()) >= 2

    def _mark(self, name: str, digest: str) -> int:
        number = len(list(self._folder.glob(f"{name}.{digest}.*"))) + 1
        (self._folder / f"{name}.{digest}.{number}").touch()
        return number


def write_video(path: Path, frame_count: int, grey: int) -> None:
    """A video of one grey."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        picture = np.full((_HEIGHT, _WIDTH, 3), grey, np.uint8)
        for _ in range(frame_count):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


async def plain_song_map(song: Path, known: KnownMusic | None = None, *, folder: Path | None = None) -> SongMap:
    """The map of the scripted take: 120 bpm in 4/4, a verse and a chorus."""
    frames = round(SONG_S * 24)
    level = tuple(0.3 if index < frames // 2 else 0.9 for index in range(frames))
    sections = (
        Section(start_s=0, end_s=6, label="A", role=SectionRole.VERSE, energy=0.3, trend=0.0),
        Section(start_s=6, end_s=SONG_S, label="B", role=SectionRole.CHORUS, energy=0.9, trend=0.0),
    )
    bars = tuple(float(second) for second in np.arange(0.0, SONG_S, 2.0))
    return SongMap(
        duration_s=SONG_S,
        sample_rate_hz=RATE_HZ,
        sha256=hashlib.sha256(song.read_bytes()).hexdigest(),
        tempo_bpm=120.0,
        pulse=1.0,
        meter=4,
        beats_s=tuple(float(second) for second in np.arange(0.0, SONG_S, 0.5)),
        downbeats_s=bars,
        sections=sections,
        cue_points=tuple(CuePoint(at_s=at_s, weight=1.0 if at_s == 6 else 0.5, why="bar") for at_s in bars[1:]),
        frames=SongFrames(low=level, mid=level, high=level, level=level, onset=level),
        words=known.spoken if known is not None else (),
    )


async def plain_assembly(
    plan: Any, scene_files: Mapping[str, Path], song: Path, aspect: str, out: Path, **_: Any
) -> AssembledVideo:
    """The scenes' bytes behind each other: no film, but bytes that depend on all scenes. No voice speaks in these tests."""
    master, share = out / "master.mp4", out / "share.mp4"
    master.write_bytes(b"".join(scene_files[shot.id].read_bytes() for shot in plan.shots) + song.read_bytes())
    shutil.copy(master, share)
    return AssembledVideo(
        master=master,
        share=share,
        duration_s=SONG_S,
        frame_count=plan.frames,
        flashes=FlashReport(flashes_max=0, red_flashes_max=0, at_s=0),
        sha256={},
        notices=(),
    )
