"""Shot plan: the shots of a video on one frame grid."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from resonance_video.models.document import Document, Line, Name, Sentence, Sha256
from resonance_video.models.treatment import Colour, HourArc, Instrument, Place, Pose, Weather

FPS = 24
SHOT_S_MIN, SHOT_S_MAX = 1.5, 8.0
SHOTS_MAX = 1000
SUMMARY_LETTERS_MAX = 200
Aspect = Literal["9:16", "1:1", "16:9"]


class Purpose(StrEnum):
    """The part that a shot plays in the story."""

    ESTABLISH = "establish"
    DEVELOP = "develop"
    TRANSITION = "transition"
    CLIMAX = "climax"
    RESOLVE = "resolve"


class ShotSize(StrEnum):
    """How much of the figure the picture shows."""

    WIDE = "wide"
    MEDIUM = "medium"
    CLOSE = "close"


class ShotMove(StrEnum):
    """The camera's move."""

    STILL = "still"
    PUSH = "push"
    PULL = "pull"
    PAN = "pan"
    RISE = "rise"


class Cut(StrEnum):
    """The way into a shot: a plain cut, one that is eased over four frames, or from black; and the last shot's way to black."""

    CUT = "cut"
    EASE = "ease"
    FROM_BLACK = "from_black"
    TO_BLACK = "to_black"


class Staging(Document):
    """The world of a shot and the character's act, as the embedded provider draws them."""

    place: Place
    hour: HourArc
    weather: Weather
    pose: Pose
    instrument: Instrument | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Shot(Document):
    """One shot from `start_frame` to before `end_frame`.

    `constraints` say what must not change, `direction` and `motion` what should be seen.
    `cut_reason` is the cue of the cut at its start; `energy` is the section's, from 0 to 1.
    """

    id: Name
    start_frame: int
    end_frame: int
    section: Annotated[int, Field(ge=0)]
    purpose: Purpose
    size: ShotSize
    move: ShotMove
    staging: Staging
    direction: Sentence
    motion: Sentence
    character_ids: Annotated[tuple[Name, ...], Field(max_length=3)] = ()
    constraints: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    palette: Annotated[tuple[Colour, ...], Field(max_length=6)]
    transition: Cut = Cut.CUT
    cut_reason: Line = ""
    energy: Annotated[float, Field(ge=0, le=1)] = 0.5
    summary: str

    @property
    def frame_count(self) -> int:
        """Frames of the shot."""
        return self.end_frame - self.start_frame


class ShotPlan(Document):
    """All shots in order, over `frames` frames. Faults between the fields are found by `directing.find_faults`."""

    fps: Annotated[int, Field(ge=1, le=120)] = FPS
    frames: Annotated[int, Field(ge=1)]
    aspects: Annotated[tuple[Aspect, ...], Field(min_length=1, max_length=3)]
    visual_summary: Sentence
    shots: Annotated[tuple[Shot, ...], Field(min_length=1, max_length=SHOTS_MAX)]
    song_sha256: Sha256
    treatment_digest: Sha256
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
