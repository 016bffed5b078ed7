"""Scene providers: the port by which a shot becomes a moving picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resonance_video.models import Aspect, CharacterReference, SceneRequest, Style

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCapabilities:
    """Abilities of a provider. `price_per_s` is in US dollars; `renders_exactly` says that equal requests give equal bytes."""

    name: str
    version: str
    seconds_min: float
    seconds_max: float
    aspects: tuple[Aspect, ...]
    references_max: int
    has_seeds: bool
    has_stills: bool
    price_per_s: float
    is_local: bool
    renders_exactly: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneReference:
    """A picture of a character, made once before any scene. `path` is a PNG file."""

    character_id: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFile:
    """A finished scene: a video file without sound, and a still of it as PNG. `colour_distances` are CIEDE2000 per locked attribute."""

    video: Path
    still: Path
    sha256: str
    width: int
    height: int
    fps: int
    frame_count: int
    prompt_digest: str
    made_with: str
    cost: float
    colour_distances: dict[str, float]


class SceneProvider(Protocol):
    """Makes scenes. All calls may be cancelled, and leave no process and no temporary file behind."""

    def capabilities(self) -> SceneCapabilities:
        """Abilities and limits; constant during the life of the provider."""
        ...

    def prompt_digest(self, request: SceneRequest) -> str:
        """Hexadecimal SHA-256 of all that decides the scene: the request, the provider and its version. `make` is idempotent under it."""
        ...

    async def cast(self, character: CharacterReference, look: Style, folder: Path) -> SceneReference:
        """The picture of a character, written into `folder`.

        Raises:
            Unavailable: the provider cannot draw at the moment, or a library of the system is missing.
        """
        ...

    async def make(
        self,
        request: SceneRequest,
        references: tuple[SceneReference, ...],
        folder: Path,
        progress: Progress | None = None,
    ) -> SceneFile:
        """The scene of a request, written into `folder`; `progress` gets a share from 0 to 1.

        Raises:
            InvalidInput: the provider refuses the request for good.
            Unavailable: another try may succeed, or a library of the system is missing.
        """
        ...
