"""Check of locked colours: the figure alone, without light, compared with its reference under a mask of each attribute."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from resonance_video.colours import Rgb, distance, to_rgb
from resonance_video.models import SceneRequest
from resonance_video.scenes.procedural.actor import Actor
from resonance_video.scenes.procedural.drive import Drive, read_drive

CHECKED = ("coat", "scarf", "hair", "skin", "legs", "hat")
_HEX = re.compile(r"#[0-9a-f]{6}")
_PIXELS = 320
_FRAMES = 3
_MASK: Rgb = (1.0, 0.0, 1.0)
_REST: Rgb = (0.0, 1.0, 0.0)
_FEWEST = 20


def locked_distances(request: SceneRequest) -> dict[str, float]:
    """The largest CIEDE2000 between each locked colour and the median under its mask, over three frames of the scene.

    The mask of an attribute is where a figure whose other attributes are green shows this one. Attributes that are not seen are left out.
    """
    if not request.characters:
        return {}
    locked = request.characters[0].locked
    found: dict[str, float] = {}
    drive = read_drive(request)
    for number in np.linspace(0, request.shot.frame_count - 1, _FRAMES).astype(int):
        picture = _draw(request, None, int(number), drive)
        for name in CHECKED:
            if not _HEX.fullmatch(locked.get(name, "")):
                continue
            mask = _draw(request, name, int(number), drive)
            seen = (mask[..., 0] > 250) & (mask[..., 1] < 5) & (mask[..., 2] > 250) & (mask[..., 3] == 255)
            if seen.sum() < _FEWEST:
                continue
            median = np.median(picture[seen][:, :3], axis=0) / 255
            apart = distance((float(median[0]), float(median[1]), float(median[2])), to_rgb(locked[name]))
            found[name] = round(max(found.get(name, 0.0), apart), 3)
    return found


def _draw(request: SceneRequest, masked: str | None, number: int, drive: Drive) -> NDArray[np.uint8]:
    actor = Actor(request.characters[0], request.shot.staging, request.shot.size, request)
    if masked is not None:
        wear = actor.wardrobe
        optional = [name for name in ("scarf", "hat") if getattr(wear, name) is not None]
        colours: dict[str, Any] = dict.fromkeys(("coat", "hair", "skin", "legs", "shoes", *optional), _REST)
        actor.dress(replace(wear, **(colours | {masked: _MASK})))
    pixels = np.zeros((_PIXELS, _PIXELS, 4), np.uint8)
    canvas = skia.Surface(pixels).getCanvas()
    canvas.translate(_PIXELS / 2, _PIXELS * 0.95)
    canvas.scale(_PIXELS * 0.85, _PIXELS * 0.85)
    actor.draw_flat(canvas, drive, number)
    return pixels
