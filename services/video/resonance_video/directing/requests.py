"""Scene requests: a shot with the part of the song, the style and the characters that its scene is made from."""

from __future__ import annotations

from resonance_video.models import Aspect, SceneRequest, Shot, ShotPlan, SongMap, Treatment


def scene_request(
    plan: ShotPlan,
    shot: Shot,
    song_map: SongMap,
    treatment: Treatment,
    *,
    aspect: Aspect,
    instruction: str = "",
    seed: int = 0,
    width: int | None = None,
    height: int | None = None,
) -> SceneRequest:
    """The request for the scene of one shot in one aspect. `seed` is another one for each new version of a scene."""
    raise NotImplementedError
