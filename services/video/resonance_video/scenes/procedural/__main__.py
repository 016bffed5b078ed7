"""Renderer child: `python -m resonance_video.scenes.procedural REQUEST` renders one scene, and prints its progress as JSON lines."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from resonance.audio import confinement
from resonance_video.models import CharacterReference, SceneRequest, Style


def main() -> None:
    """Renders what the request file names; the last line is the answer."""
    os.nice(5)  # generation comes before drawing
    confinement.die_with_parent()
    order = json.loads(Path(sys.argv[1]).read_text())
    try:
        import skia  # noqa: F401
    except ImportError as failure:
        _say({"reason": "LIBRARY_MISSING", "message": str(failure)})
        return
    _say(_cast(order) if "character" in order else _make(order))


def _make(order: dict[str, Any]) -> dict[str, Any]:
    from resonance_video.scenes.procedural.colour_check import locked_distances
    from resonance_video.scenes.procedural.renderer import render_scene

    request = SceneRequest.from_json(json.dumps(order["request"]))
    render_scene(
        request,
        Path(order["video"]),
        Path(order["still"]),
        lambda share: _say({"progress": round(share, 4)}),
        codec=order["codec"],
    )
    return {"distances": locked_distances(request)}


def _cast(order: dict[str, Any]) -> dict[str, Any]:
    from resonance_video.scenes.procedural.portrait import draw_portrait

    draw_portrait(
        CharacterReference.model_validate(order["character"]), Style.model_validate(order["look"]), Path(order["still"])
    )
    return {"distances": {}}


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
