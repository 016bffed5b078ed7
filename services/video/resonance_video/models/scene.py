"""Scenes: the request for one, and the asset that comes of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from resonance_video.models.document import Document, Line, Name, Sentence, Sha256
from resonance_video.models.shot_plan import Aspect, Shot
from resonance_video.models.song_map import SongFrames
from resonance_video.models.treatment import CharacterReference, Style

# Width and height in pixels of each aspect at the full size.
ASPECT_SIZES: dict[Aspect, tuple[int, int]] = {"9:16": (720, 1280), "1:1": (720, 720), "16:9": (1280, 720)}


class SceneStatus(StrEnum):
    """The state of one version of a scene."""

    WAITING = "waiting"
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"
    REPLACED = "replaced"


class SongSlice(Document):
    """The song under one shot, on the shot's frames. `beats` and `downbeats` are frames of the shot and may lie before or after it.

    `sliders` hold a position in [-1, 1] per frame; a slider that never moved is left out. `energy` is the smoothed energy per frame.
    """

    frames: SongFrames
    energy: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    beats: tuple[float, ...] = ()
    downbeats: tuple[float, ...] = ()
    tempo_bpm: float | None = None
    sliders: dict[str, tuple[float, ...]] = Field(default_factory=dict)


class SceneRequest(Document):
    """All that decides a scene: equal requests give equal files. `instruction` is a wish of a person about this scene alone.

    `width` and `height` are even; None means the aspect's full size.
    """

    shot: Shot
    aspect: Aspect
    fps: Annotated[int, Field(ge=1, le=120)]
    style: Style
    characters: tuple[CharacterReference, ...]
    song: SongSlice
    arc_start: Annotated[float, Field(ge=0, le=1)] = 0.0
    arc_end: Annotated[float, Field(ge=0, le=1)] = 1.0
    instruction: Sentence = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    video_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    width: Annotated[int, Field(ge=64, le=4096, multiple_of=2)] | None = None
    height: Annotated[int, Field(ge=64, le=4096, multiple_of=2)] | None = None

    @model_validator(mode="after")
    def _song_is_as_long_as_the_shot(self) -> Self:
        if not len(self.song.energy) == len(self.song.frames.level) == self.shot.frame_count:
            raise ValueError("the song's slice and the shot differ in length")
        return self

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = ASPECT_SIZES[self.aspect]
        return self.width or width, self.height or height


class SceneAsset(Document):
    """One version of one shot's scene in one aspect. `video_key` and `still_key` name stored objects, `sha256` is the video's."""

    shot_id: Name
    version: Annotated[int, Field(ge=1)]
    aspect: Aspect
    status: SceneStatus
    provider: Name
    prompt_digest: Sha256
    video_key: Line = ""
    still_key: Line = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64}|)$")] = ""
    cost: Annotated[float, Field(ge=0)] = 0.0
    made_with: Line = ""
    reason: Sentence = ""
