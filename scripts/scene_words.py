"""Scene tables of the page: the video service's words, palettes and hours, written to the page's static/scenes.json.

The page's live picture reads them. Run it after a change of the lexicon, the palettes or the hours; a test says when it is due.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from resonance_video.models import Hour, Style
from resonance_video.scenes.procedural.hours import look_of
from resonance_video.treatment import lexicon
from resonance_video.treatment.palettes import MOOD_NAMES, USUAL_HOURS, lighting_of, palette_of

TARGET = Path(__file__).parents[1] / "gateway/resonance_gateway/static/scenes.json"
_COLOURS = ("sky_top", "sky_middle", "sky_low", "haze", "dark", "ground", "key")
_HEIGHTS = ("lamps", "stars", "sun", "moon", "day")


def build_tables() -> dict[str, Any]:
    """Words to places, hours, weathers and moods; palettes and looks as sRGB from 0 to 255."""
    styles = {mood: Style(palette=palette_of(mood), lighting=lighting_of(mood), camera="still") for mood in MOOD_NAMES}
    return {
        "places": {word: place.value for word, place in lexicon.PLACES.items()},
        "hours": {word: hour.value for word, hour in lexicon.HOURS.items()},
        "weathers": {word: weather.value for word, weather in lexicon.WEATHERS.items()},
        "moods": dict(lexicon.MOODS),
        "usual_hours": {mood: first.value for mood, (first, _) in USUAL_HOURS.items()},
        "palettes": {
            mood: [[int(colour.hex[at : at + 2], 16) for at in (1, 3, 5)] for colour in style.palette]
            for mood, style in styles.items()
        },
        "looks": {mood: {hour.value: _look(style, hour) for hour in Hour} for mood, style in styles.items()},
    }


def _look(style: Style, hour: Hour) -> dict[str, Any]:
    values = dataclasses.asdict(look_of(style, hour))
    colours = {name: [round(255 * min(part, 1.0)) for part in values[name]] for name in _COLOURS}
    return colours | {name: values[name] for name in _HEIGHTS}


def to_text() -> str:
    """The file's text."""
    return json.dumps(build_tables(), separators=(",", ":")) + "\n"


if __name__ == "__main__":
    TARGET.write_text(to_text())
