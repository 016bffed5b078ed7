"""Switches: every command within a few steps, two switches, spoken names, and what ends a scan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO = {"isScanning": True, "count": 2, "restS": 0}
ONE = {"isScanning": True, "count": 1, "stepS": 0.5, "restS": 0.1}
# A scan with a clock that stands: `tick()` lets one step pass.
_CLOCK = """
const { Scanner } = await import('/static/js/inputs/scanning.js');
const clock = { now: 0, act: null, tick() { this.now += 1000; this.act?.(); } };
const scanner = (root, more = {}) => new Scanner({
  root, backName: 'Back', isTimed: true, stepMs: 1000, restMs: 300, now: () => clock.now, onChange: () => {},
  after: (act, ms) => { clock.act = act; clock.ms = ms; return () => { if (clock.act === act) clock.act = null; }; }, ...more,
});
"""
# Every action of the whole tree, each reached with one switch from the top: its name, its command, and the steps it took.
_WALK = (
    """async () => {"""
    + _CLOCK
    + """
  const { treeOf } = await import('/static/js/inputs/scan-tree.js');
  const { offersOf, sliders } = await import('/static/js/inputs/offers.js');
  const ran = [];
  const root = () => treeOf({ isPossible: () => true, offersOf, sliders, run: (id, args) => ran.push({ id, args }) });
  const paths = (items, before) => items.flatMap((node) =>
    node.items ? paths(node.items(), [...before, node.id]) : [[...before, node.id]]);
  return paths(root(), []).map((path) => {
    const one = scanner(root);
    let steps = 0;
    one.start();
    for (const id of path) {
      while (one.current.id !== id) { clock.tick(); steps += 1; }
      clock.now += 1000;
      steps += 1; // the choice that is pressed has been shown for a step, too
      one.press('choose');
    }
    one.stop();
    return { path, steps, ...ran.at(-1), count: ran.length };
  });
}"""
)


async def begin(visit: Visit, choices: dict[str, Any]) -> None:
    """Opens the page of someone who uses switches."""
    text = json.dumps(json.dumps(choices))
    await visit.page.add_init_script(f"localStorage['resonance.inputs'] ??= {text}")
    await visit.open()
    await visit.page.wait_for_selector("#scan-bar")


async def choose(visit: Visit, *names: str) -> None:
    """Goes to each of the choices with the second switch and takes it with the first."""
    for name in names:
        for _ in range(30):
            if await current(visit) == name:
                break
            await visit.page.keyboard.press("Enter")
        assert await current(visit) == name
        await visit.page.keyboard.press("Space")


async def current(visit: Visit) -> str:
    return await visit.text(".scan-choice.is-scanned")


async def names(visit: Visit) -> list[str]:
    return await visit.page.locator(".scan-choice").all_text_contents()


async def test_one_switch_reaches_every_command_within_the_steps_of_the_design(visit: Visit) -> None:
    await visit.open()
    walked: list[dict[str, Any]] = await visit.page.evaluate(_WALK)
    table = await visit.page.evaluate(
        "import('/static/js/core/commands.js').then((m) => m.COMMANDS.map(({ id }) => id))"
    )
    assert [row["count"] for row in walked] == list(range(1, len(walked) + 1)), "each walk runs one command"
    assert {row["id"] for row in walked} == set(table)
    pause = min(row["steps"] for row in walked if row["id"] == "play")
    bass = next(row["steps"] for row in walked if row["args"] == {"name": "bass_resonance", "by": 0.2})
    farthest = max(walked, key=lambda row: row["steps"])
    print(
        f"steps: pause {pause}, more bass {bass}, farthest {farthest['steps']} ({farthest['path']}), {len(walked)} actions"
    )
    assert pause <= 4
    assert bass <= 8
    assert farthest["steps"] <= 18


async def test_a_scan_waits_longer_on_the_first_ignores_a_bounce_and_rests_after_two_rounds(modules: Page) -> None:
    seen = await modules.evaluate(
        "async () => {"
        + _CLOCK
        + """
        const done = [];
        const leaf = (id) => ({ id, name: id, act: () => done.push(id) });
        const one = scanner(() => [{ id: 'group', name: 'group', items: () => [leaf('a'), leaf('b')] }, leaf('c')]);
        one.start();
        const first = clock.ms;
        clock.tick();
        const second = [one.current.id, clock.ms];
        clock.tick();
        one.press('choose');
        clock.now += 100;
        const isBounceTaken = one.press('choose');
        const inside = [one.current.id, done.length, one.items.map(({ id }) => id)];
        for (let i = 0; i < 6; i += 1) clock.tick(); // two rounds of a, b, back
        const left = [one.current.id, one.depth];
        for (let i = 0; i < 4; i += 1) clock.tick();
        const rests = [one.current, one.isMoving, clock.act];
        one.press('choose');
        const woken = [one.current.id, done.length];
        return { first, second, isBounceTaken, inside, left, rests, woken };
      }"""
    )
    assert seen == {
        "first": 1500,
        "second": ["c", 1000],
        "isBounceTaken": False,
        "inside": ["a", 0, ["a", "b", "a level up"]],
        "left": ["group", 0],
        "rests": [None, False, None],
        "woken": ["group", 0],
    }


async def test_two_switches_stay_in_a_row_while_it_is_worked_and_have_a_way_back(visit: Visit) -> None:
    await begin(visit, TWO)
    await choose(visit, "Go to a slider", "Bass", "More bass")
    await visit.page.keyboard.press("Space")
    assert await current(visit) == "More bass", "a second press does it again"
    assert await visit.page.input_value("#slider-bass_resonance") == "0.4"
    assert await visit.page.locator(".slider.is-scanned #slider-bass_resonance").count() == 1
    await choose(visit, "Less bass")
    assert await visit.page.input_value("#slider-bass_resonance") == "0.2"
    assert (await names(visit))[-1] == "Back"
    await choose(visit, "Back")
    assert await current(visit) == "Bass"
    await choose(visit, "Back")
    assert await current(visit) == "Go to a slider"
    await visit.answer("slightly more bass")


async def test_one_switch_pauses_what_plays_and_goes_back_to_the_top(visit: Visit) -> None:
    await visit.open()
    await visit.make(seconds=60)
    await visit.wait_for_text("#make-status", "Ready")
    assert await visit.page.get_attribute("#play", "aria-label") == "Pause"
    await visit.page.click("#settings-open")
    await visit.page.click("#inputs-more summary")
    await visit.page.check("#scan-on")
    await visit.page.fill("#scan-seconds", "0.75")
    await visit.page.click("#settings-dialog form button")
    await visit.page.wait_for_selector("#scan-bar")
    for name in ("Playing", "Play or pause"):
        await expect(visit.page.locator(".scan-choice.is-scanned")).to_have_text(name, timeout=20_000)
        await visit.page.wait_for_timeout(350)  # a press sooner after the one before is a bounce
        await visit.page.keyboard.press("Space")
    await visit.page.wait_for_selector("#play[aria-label=Play]")
    assert await visit.page.evaluate("() => Number(document.querySelector('#seek').value)") < 60
    assert (await names(visit))[0] == "Playing"


async def test_dialogs_easy_view_and_library_are_worked_by_switch(visit: Visit) -> None:
    await begin(visit, TWO)
    page = visit.page
    await choose(visit, "Finding the way", "Keys and sentences", "Close")
    await page.wait_for_selector("#keys-dialog:not([open])", state="attached")
    await choose(visit, "Finding the way", "Settings", "Close")
    await page.wait_for_selector("#settings-dialog:not([open])", state="attached")
    await choose(visit, "Finding the way", "Easy view")
    assert (await names(visit))[:7] == [
        "Play",
        "More like this",
        "Something else",
        "Calmer",
        "Livelier",
        "Keep",
        "All of Resonance",
    ]
    await choose(visit, "All of Resonance")
    await page.wait_for_selector("#easy", state="hidden")
    await choose(visit, "Keeping", "Your music")
    assert (await names(visit))[0] == "Your music"


async def test_escape_a_long_hold_and_the_end_of_the_bar_end_it_and_it_stays_off(visit: Visit) -> None:
    await begin(visit, TWO)
    page = visit.page
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#scan-bar", state="detached")
    await visit.wait_for_text("#polite", "Choosing with switches has ended.")
    assert await page.evaluate("document.querySelectorAll('.is-scanned').length") == 0
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    assert await page.locator("#scan-bar").count() == 0
    for way in ("hold", "button"):
        await page.evaluate("""localStorage['resonance.inputs'] = '{"isScanning": true, "count": 2}'""")
        await page.reload()
        await page.wait_for_selector("#scan-bar")
        if way == "hold":
            await page.keyboard.down("Space")
        else:
            await page.click("#scan-bar button")
        await page.wait_for_selector("#scan-bar", state="detached")
    await page.keyboard.up("Space")


async def test_a_learnt_key_or_any_click_is_a_switch_and_does_nothing_else(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.click("#settings-open")
    await page.click("#inputs-more summary")
    await page.check("#scan-on")
    await page.select_option("#scan-count", "2")
    await page.click("#scan-step")
    await page.keyboard.press("j")
    await visit.wait_for_text("#inputs-settings", "Moves on: J")
    await page.click("#scan-choose")
    await page.click("#settings-title")
    await visit.wait_for_text("#inputs-settings", "Chooses: any click")
    await page.wait_for_timeout(600)
    await page.click("#settings-dialog form button")
    await page.wait_for_selector("#scan-bar")
    await page.wait_for_timeout(400)
    await page.keyboard.press("j")
    await page.wait_for_timeout(400)
    assert await current(visit) == "Go to a slider"
    await page.click("#library-open")
    await expect(page.locator(".scan-choice.is-scanned")).to_have_text("Energy")
    assert await page.is_hidden("#library-section")


async def test_a_loud_sound_at_the_microphone_chooses(visit: Visit) -> None:
    await visit.page.context.grant_permissions(["microphone"])
    await begin(visit, {**TWO, "isSound": True})
    # The browser's own microphone beeps once a second.
    await visit.page.wait_for_function(
        "() => document.querySelector('.scan-choices').textContent.includes('Play or pause')", timeout=15_000
    )


async def test_spoken_names_are_said_and_the_music_is_8_decibels_down_while_they_are(visit: Visit) -> None:
    await visit.page.add_init_script(
        """
        window.spoken = [];
        const voice = { getVoices: () => [{ lang: 'en-GB' }], cancel() {}, speak: (saying) => spoken.push([saying.text, saying.lang]) };
        Object.defineProperty(window, 'speechSynthesis', { value: voice });
        window.gains = [];
        const Own = GainNode;
        window.GainNode = class extends Own { constructor(...given) { super(...given); gains.push(this); } };
        """
    )
    await begin(visit, {**TWO, "isSpoken": True})
    page = visit.page
    await choose(visit, "Playing", "Play or pause")  # the example plays
    await page.wait_for_function("() => window.gains.length > 0")
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => Math.abs(window.gains[0].gain.value - 0.9 * 10 ** (-8 / 20)) < 0.005")
    assert (await page.evaluate("spoken"))[:2] == [["Playing", "en"], ["Play or pause", "en"]]
    # With two switches nothing moves by itself, so the music comes back once the name has been said.
    await page.wait_for_function("() => Math.abs(window.gains[0].gain.value - 0.9) < 0.005")
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => window.gains[0].gain.value < 0.4")
    await page.keyboard.press("Escape")
    await page.wait_for_function("() => Math.abs(window.gains[0].gain.value - 0.9) < 0.005")


async def test_without_a_voice_of_the_browser_the_live_region_has_the_names(visit: Visit) -> None:
    await visit.page.add_init_script(
        "Object.defineProperty(window, 'speechSynthesis', { value: { getVoices: () => [], cancel() {} } })"
    )
    await begin(visit, {**TWO, "isSpoken": True})
    await visit.wait_for_text("#polite", "Playing")
    await visit.page.keyboard.press("Enter")
    await visit.wait_for_text("#polite", "Go to a slider")


@pytest.mark.parametrize(
    "context_options",
    [
        pytest.param({"viewport": {"width": 1280, "height": 800}}, id="desk"),
        pytest.param({"viewport": {"width": 390, "height": 844}}, id="phone"),
    ],
)
async def test_axe_finds_nothing_while_scanning_and_in_its_settings(visit: Visit) -> None:
    await begin(visit, TWO)
    page = visit.page
    for at in ("top", "a row", "Easy view"):
        found = await Axe().run(page, options={"resultTypes": ["violations"]})
        assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found.response["violations"]] == [], at
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), at
        if at == "top":
            await choose(visit, "Go to a slider", "Bass")
        elif at == "a row":
            await choose(visit, "Back", "Back", "Finding the way", "Easy view")
    await page.keyboard.press("Escape")
    await page.click("#easy-close")
    await page.click("#settings-open")
    await page.click("#inputs-more summary")
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found.response["violations"]] == []


async def test_the_step_buttons_of_the_sliders_are_tab_stops_while_scanning(visit: Visit) -> None:
    await begin(visit, TWO)
    tabs = "[...document.querySelectorAll('.slider > .more')].map((button) => button.tabIndex)"
    assert set(await visit.page.evaluate(tabs)) == {0}
    await visit.page.keyboard.press("Escape")
    assert set(await visit.page.evaluate(tabs)) == {-1}
