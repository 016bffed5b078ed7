"""Tables of the page's live picture: the video service's own words, palettes and hours."""

from __future__ import annotations

import json

from scripts.scene_words import TARGET, build_tables


def test_the_page_has_the_words_and_lights_of_the_video_service() -> None:
    assert json.loads(TARGET.read_text()) == build_tables(), "run python scripts/scene_words.py"


def test_every_mood_has_an_hour_and_every_hour_a_look() -> None:
    tables = build_tables()
    for mood in set(tables["moods"].values()):
        assert tables["usual_hours"][mood] in tables["looks"][mood]
    for hour in set(tables["hours"].values()):
        assert all(hour in looks for looks in tables["looks"].values())
