"""Music and narration of a video, made before it: takes like every other, under ids that follow from the video's."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import json_format

from resonance.client.take_reader import read_take
from resonance.errors import invalid_field
from resonance.ids import canonical_digest
from resonance.rpc.calls import stream_call, unary_call
from resonance.v1 import generate_pb2, generate_pb2_grpc, speech_pb2, speech_pb2_grpc, video_pb2

# The request for the music stands in the video's document, which is written at every change.
_MUSIC_BYTES_MAX = 64 * 1024
_MUSIC_S_MAX, _NARRATION_S_MAX = 840.0, 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The take that a video is of, what making it cost in US dollars, and what was changed about the wishes."""

    take_id: str
    cost_usd: float
    notices: tuple[str, ...]


class Composer:
    """Makes takes at the generate service and has scripts spoken over them by the speech service, for the current owner."""

    def __init__(self, generate: grpc.aio.Channel, speech: grpc.aio.Channel) -> None:
        self._generate: Any = generate_pb2_grpc.GenerateServiceStub(generate)
        self._speech: Any = speech_pb2_grpc.SpeechServiceStub(speech)

    async def compose(self, video_id: str, take_id: str, music: str, narration: str) -> Composed:
        """The take, and the narrated one where there is a `narration`. Done again, it finds what was made and pays nothing.

        Args:
            video_id: names both takes.
            take_id: the take, where there is no `music`.
            music: a GenerateRequest in JSON; empty for none.
            narration: a VideoNarration in JSON; empty for none.

        Raises:
            ResonanceError: what the two services refuse; Unavailable and Overloaded where another try may succeed.
        """
        cost, notices = 0.0, list[str]()
        if music:
            take = await self._make(video_id, music)
            take_id, cost = take.request_id, take.cost_usd
            notices += take.notices
        if narration:
            take = await self._narrate(video_id, take_id, narration)
            take_id, cost = take.request_id, cost + take.cost_usd
            notices += [notice for notice in take.notices if notice not in notices]
        return Composed(take_id=take_id, cost_usd=round(cost, 9), notices=tuple(notices))

    async def _make(self, video_id: str, music: str) -> generate_pb2.Take:
        request = json_format.Parse(music, generate_pb2.GenerateRequest())
        request.request_id = _derive_id(video_id, "music")
        call = self._generate.Generate(request, timeout=_MUSIC_S_MAX)
        take = generate_pb2.Take()
        async with aclosing(stream_call(call, service="generate")) as responses:
            async for response in read_take(responses):
                if response.HasField("finished"):
                    take = response.finished.take
        return take

    async def _narrate(self, video_id: str, take_id: str, narration: str) -> generate_pb2.Take:
        script = json_format.Parse(narration, video_pb2.VideoNarration())
        request = speech_pb2.NarrateRequest(
            take_request_id=take_id,
            request_id=_derive_id(video_id, "narration"),
            sections=script.sections,
            voice_id=script.voice_id,
            speed=script.speed if script.HasField("speed") else None,
        )
        call = self._speech.Narrate(request, timeout=_NARRATION_S_MAX)
        take: generate_pb2.Take = (await unary_call(call, service="speech")).take
        return take


def to_stored_music(request: video_pb2.CreateVideoRequest) -> str:
    """The request for the music as it is stored; empty where there is none.

    Raises:
        InvalidInput: it carries sounds, which are too large to be kept with a video, or asks for what no video is made of.
    """
    if not request.HasField("music"):
        return ""
    music = request.music
    if music.is_transient or music.resume_sample_offset:
        raise invalid_field("music", "CONFLICT", "the music of a video is kept, and made from its beginning")
    if music.ByteSize() > _MUSIC_BYTES_MAX:
        message = "is too large with its sounds; make the take first and name it in take_id"
        raise invalid_field("music", "TOO_LARGE", message)
    return str(json_format.MessageToJson(music, indent=None))


def to_stored_narration(request: video_pb2.CreateVideoRequest) -> str:
    """The script as it is stored; empty where there is none. Raises InvalidInput for one over an upload."""
    if not request.HasField("narration"):
        return ""
    if request.upload_id:
        raise invalid_field("narration", "CONFLICT", "scripts are spoken over takes, not over uploaded songs")
    return str(json_format.MessageToJson(request.narration, indent=None))


def _derive_id(video_id: str, part: str) -> str:
    return f"{part[0]}-{canonical_digest([video_id, part])[:30]}"
