"""From a fetched file to a prepared track: mono PCM at the model's rate, its digest, and its clips."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.errors import InvalidInput
from resonance_ingest.clips import Clip, ClipShape, cut


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTrack:
    """A track that can be listened to, for as long as its job's folder exists."""

    index: int
    title: str
    sound: DecodedFile
    clips: tuple[Clip, ...]


async def prepare(
    index: int, title: str, source: Path, target: Path, *, shape: ClipShape, limits: DecodeLimits
) -> PreparedTrack:
    """Decodes one file and cuts it. The source is removed: it is not needed again.

    Raises:
        InvalidInput, DeadlineExceeded: the file cannot be used; the sentence is for the track's listener.
    """
    sound = await decode_file(source, target, sample_rate_hz=shape.sample_rate_hz, limits=limits)
    await asyncio.to_thread(source.unlink)
    clips = cut(sound.sample_count, shape)
    if not clips:
        least = f"{shape.clip_min_s:g} s"
        raise InvalidInput(
            f"The track is {sound.duration_s:.1f} s long; at least {least} are needed.", reason="TOO_SHORT"
        )
    return PreparedTrack(index=index, title=title, sound=sound, clips=clips)
