"""Live picture: a place that the words name, driven by the sound and by the sliders in force."""

from __future__ import annotations

import pytest
from playwright.async_api import Page
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MODULES = "/static/js/pictures/scene"
# Signals after 4 s of a steady sound, for the sliders given.
_DRIVEN = """async ([base, sliders]) => {
  const { Drive } = await import(`${base}/drive.js`);
  const drive = new Drive();
  for (let i = 0; i < 120; i += 1) drive.advance(1 / 30, { level: 0.3, low: 0.3, high: 0.3 }, sliders, null);
  return { ...drive.signals, way: drive.way, step: drive.step };
}"""
_STEPS = """async ([base, bpm]) => {
  const { Drive } = await import(`${base}/drive.js`);
  const drive = new Drive();
  for (let i = 0; i < 300; i += 1) drive.advance(1 / 30, { level: 0.3, low: 0.3, high: 0.3 }, {}, bpm);
  return 2 * drive.step / 10;
}"""
# Mean lightness (0 to 1, linear) of each frame of 3 s at 30 a second, with a sound that is switched on and off ten times a second.
_FLASHES = """async ([base, text]) => {
  const { Scene, loadTables } = await import(`${base}/scene.js`);
  const scene = new Scene(await loadTables(), text, 7);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 160, height: 60 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const light = (value) => (value / 255) ** 2.2;
  const means = [];
  for (let i = 0; i < 90; i += 1) {
    const on = Math.floor(i / 3) % 2 ? 1 : 0;
    scene.advance(1000 + i * 33, { level: on, low: on, high: on }, {}, 120);
    scene.paint(canvas);
    const { data } = context.getImageData(0, 0, 160, 60);
    let sum = 0;
    for (let at = 0; at < data.length; at += 4)
      sum += 0.2126 * light(data[at]) + 0.7152 * light(data[at + 1]) + 0.0722 * light(data[at + 2]);
    means.push(sum / (data.length / 4));
  }
  return means;
}"""
_PLAN = """async ([base, text]) => {
  const { planScene } = await import(`${base}/words.js`);
  const { loadTables } = await import(`${base}/scene.js`);
  const { place, hour, weather } = planScene(await loadTables(), text, 5);
  return [place, hour, weather];
}"""
_PICTURE = "() => [document.getElementById('figure').width, document.getElementById('figure').toDataURL()]"


async def driven(modules: Page, **sliders: float) -> dict[str, float]:
    found: dict[str, float] = await modules.evaluate(_DRIVEN, [_MODULES, sliders])
    return found


@pytest.mark.parametrize(
    ("slider", "signal"),
    [
        ("energy", "lights"),
        ("energy", "pace"),
        ("tempo", "step"),
        ("bass_resonance", "ripple"),
        ("bass_resonance", "bloom"),
        ("harmonic_complexity", "hues"),
        ("instrument_density", "crowd"),
        ("emotional_tension", "tension"),
    ],
)
async def test_each_slider_moves_its_part_of_the_picture(modules: Page, slider: str, signal: str) -> None:
    low, middle, high = [await driven(modules, **{slider: position}) for position in (-0.6, 0.0, 0.6)]
    assert low[signal] < middle[signal] < high[signal]


@pytest.mark.parametrize(("bpm", "per_s"), [(90, 1.5), (120, 2.0), (50, 50 / 30), (170, 170 / 120), (None, 1.25)])
async def test_a_foot_falls_on_each_beat_where_that_is_a_walk(modules: Page, bpm: int | None, per_s: float) -> None:
    assert await modules.evaluate(_STEPS, [_MODULES, bpm]) == pytest.approx(per_s, rel=0.01)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("neon city at night in the rain", ["city", "night", "rain"]),
        ("calm piano on a misty beach, sunrise", ["shore", "dawn", "mist"]),
        ("winter forest, afternoon", ["forest", "day", "clear"]),
    ],
)
async def test_the_words_name_place_hour_and_weather(modules: Page, text: str, plan: list[str]) -> None:
    found = await modules.evaluate(_PLAN, [_MODULES, text])
    assert found[:2] == plan[:2]
    assert found[2] in (plan[2], "snow")


@pytest.mark.parametrize(
    "text", ["neon city at night", "sea at night", "room at night", "forest at dusk", "sky at day"]
)
async def test_no_flash_comes_out_of_a_sound_that_flickers(modules: Page, text: str) -> None:
    """WCAG 2.3.1: no more than three pairs of opposing changes of 10 % and more in any second."""
    means = await modules.evaluate(_FLASHES, [_MODULES, text])
    for start in range(0, len(means) - 30, 5):
        second = means[start : start + 30]
        assert changes(second) <= 6, second


def changes(means: list[float], least: float = 0.1) -> int:
    """Opposing changes of the mean lightness by `least` and more."""
    count, turn, direction = 0, means[0], 0
    for value in means:
        if abs(value - turn) >= least and (value > turn) != (direction > 0):
            count, direction, turn = count + 1, 1 if value > turn else -1, value
        elif direction and (value - turn) * direction > 0:
            turn = value
    return count


async def test_live_music_shows_a_place_and_a_take_its_figure_until_the_user_chooses(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    assert await page.get_attribute("#place-toggle", "aria-pressed") == "false"
    width, before = await page.evaluate(_PICTURE)
    await page.fill("#prompt", "neon city at night")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await page.wait_for_function("document.getElementById('place-toggle').ariaPressed === 'true'")
    await page.wait_for_function(
        "width => document.getElementById('figure').width > width", arg=width
    )  # the place is drawn finer
    after = (await page.evaluate(_PICTURE))[1]
    assert after != before
    await page.click("#live")
    await page.wait_for_function("document.getElementById('place-toggle').ariaPressed === 'false'")
    await page.click("#place-toggle")
    assert await page.get_attribute("#place-toggle", "aria-pressed") == "true"
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    assert await page.get_attribute("#place-toggle", "aria-pressed") == "true"
    assert await page.is_checked("#place")
    assert not visit.complaints
