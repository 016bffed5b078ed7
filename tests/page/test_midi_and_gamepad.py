"""MIDI devices and gamepads: taught controls, soft pick-up, what a reload keeps, and switches on them."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

# A MIDI device of the browser: `midi(...)` sends a message, `asked` counts how often the page wanted access.
_MIDI = """
window.asked = 0;
const input = { id: '1', name: 'Knobs', state: 'connected', onmidimessage: null };
window.midi = (...bytes) => input.onmidimessage?.({ data: new Uint8Array(bytes) });
const access = { inputs: new Map([['1', input]]), onstatechange: null };
Object.defineProperty(navigator, 'requestMIDIAccess', { configurable: true, value: async () => { asked += 1; return access; } });
const query = navigator.permissions.query.bind(navigator.permissions);
navigator.permissions.query = async (what) => (what.name === 'midi' ? { state: localStorage.midi || 'prompt' } : query(what));
"""
# A gamepad of the usual layout: `pad.buttons[i].pressed` and `pad.axes[i]` are what the page sees.
_PAD = """
window.pad = { id: 'Pad', index: 0, mapping: 'standard', connected: true, axes: [0, 0],
  buttons: Array.from({ length: 17 }, () => ({ pressed: false, value: 0 })) };
navigator.getGamepads = () => [pad, null];
"""
KNOB = 0xB0
NOTE_ON, NOTE_OFF = 0x90, 0x80


async def open_settings(visit: Visit) -> None:
    await visit.page.click("#settings-open")
    if not await visit.page.is_visible("#controls-teach"):
        await visit.page.click("#inputs-more summary")
    await visit.page.wait_for_selector("#controls-teach")


async def midi(visit: Visit, *data: int) -> None:
    await visit.page.evaluate("(data) => midi(...data)", list(data))


async def test_a_knob_learns_is_picked_up_softly_and_is_remembered(visit: Visit) -> None:
    page = visit.page
    await page.add_init_script(_MIDI)
    await visit.open()
    await open_settings(visit)
    assert await page.evaluate("asked") == 0, "access is asked for on a press"
    await page.click("#controls-midi")
    await visit.wait_for_text("#controls-found", "Found: Knobs.")
    await page.select_option("#controls-what", label="Bass")
    await page.click("#controls-teach")
    await visit.wait_for_text("#controls-status", "Move a knob now")
    await midi(visit, KNOB, 21, 0)
    await visit.wait_for_text("#controls-status", "Learnt: knob 21 of Knobs is for “Bass”.")
    await page.click("#settings-dialog form button")

    slider = page.locator("#slider-bass_resonance")
    await midi(visit, KNOB, 21, 10)
    await midi(visit, KNOB, 21, 30)
    await expect(slider).to_have_value("0")  # the knob stands elsewhere, so nothing jumps
    await midi(visit, KNOB, 21, 70)
    await expect(slider).to_have_value("0.1")  # it has passed the place of the slider
    await midi(visit, KNOB, 21, 127)
    await expect(slider).to_have_value("1")
    await visit.answer("far more bass")
    await slider.fill("-0.5")
    await midi(visit, KNOB, 21, 120)
    await expect(slider).to_have_value("-0.5")  # moved by hand: the knob has to come back to it
    await midi(visit, KNOB, 21, 20)
    await expect(slider).to_have_value("-0.7")

    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    assert await page.evaluate("asked") == 0, "the browser would ask, so the page waits for a press"
    await open_settings(visit)
    assert "knob 21 of Knobs: Bass" in await visit.text("#controls-list")
    await page.click("#controls-midi")
    await visit.wait_for_text("#controls-found", "Knobs")
    await page.click("#settings-dialog form button")
    await midi(visit, KNOB, 21, 20)
    await midi(visit, KNOB, 21, 0)
    await expect(slider).to_have_value("-1")
    await page.evaluate("localStorage.midi = 'granted'")
    await page.reload()
    await page.wait_for_function("() => window.asked === 1")  # where the browser need not ask, it goes on by itself

    await open_settings(visit)
    await page.click("[aria-label='Forget knob 21 of Knobs: Bass']")
    assert await visit.text("#controls-list") == ""
    assert await page.evaluate("document.activeElement.id") == "controls-teach"
    await page.click("#settings-dialog form button")
    await midi(visit, KNOB, 21, 64)
    await midi(visit, KNOB, 21, 0)
    await expect(slider).to_have_value("-1")


async def test_a_note_plays_and_as_a_switch_it_only_chooses(visit: Visit) -> None:
    page = visit.page
    await page.add_init_script(_MIDI)
    choices = {"isScanning": False, "count": 2, "restS": 0, "isMidi": True, "choose": "note:0:60"}
    await page.add_init_script(
        f"localStorage.midi = 'granted'; localStorage['resonance.inputs'] ??= {json.dumps(json.dumps(choices))}"
    )
    await page.add_init_script(
        """localStorage['resonance.taught'] = JSON.stringify({ Knobs: {
          'note:0:60': { id: 'keys', args: {}, isValue: false }, 'note:0:62': { id: 'library', args: {}, isValue: false } } })"""
    )
    await visit.open()
    await page.wait_for_function("() => window.asked === 1")
    await midi(visit, NOTE_ON, 60, 90)
    await midi(visit, NOTE_OFF, 60, 0)
    await page.wait_for_selector("#keys-dialog[open]")
    await page.keyboard.press("Escape")
    await page.evaluate(
        "choices => { localStorage['resonance.inputs'] = JSON.stringify(choices) }", {**choices, "isScanning": True}
    )
    await page.reload()
    await page.wait_for_function("() => window.asked === 1")
    await page.wait_for_selector("#scan-bar")
    await midi(visit, NOTE_ON, 60, 90)
    await midi(visit, NOTE_ON, 60, 0)  # an end of a note, too
    await visit.wait_for_text(".scan-choice.is-scanned", "Play or pause")
    assert await page.locator("#keys-dialog[open]").count() == 0
    await midi(visit, NOTE_ON, 62, 90)
    await page.wait_for_selector("#library-section:not([hidden])")  # a note that is no switch does what it was taught


async def test_a_gamepad_plays_learns_and_pushes_a_slider(visit: Visit) -> None:
    page = visit.page
    await page.add_init_script(_PAD)
    await visit.open()
    await visit.make(seconds=60)
    await visit.wait_for_text("#make-status", "Ready")
    assert await page.get_attribute("#play", "aria-label") == "Pause"
    await _press(visit, 0)
    assert await page.get_attribute("#play", "aria-label") == "Pause", "a gamepad is used once it was asked for"
    await open_settings(visit)
    await page.click("#controls-pad")
    await visit.wait_for_text("#controls-found", "Found: Pad.")
    await page.select_option("#controls-what", label="Energy")
    await page.click("#controls-teach")
    await page.evaluate("pad.axes[1] = -1")
    await visit.wait_for_text("#controls-status", "Learnt: stick 2 of Pad is for “Energy”.")
    await page.evaluate("pad.axes[1] = 0")
    await page.click("#settings-dialog form button")
    await _press(visit, 0)
    await page.wait_for_selector("#play[aria-label=Play]")
    await page.evaluate("pad.axes[1] = -1")
    energy = page.locator("#slider-energy")
    await page.wait_for_function(
        "() => Number(document.querySelector('#slider-energy').value) >= 0.4"
    )  # up is more, and it repeats
    await page.evaluate("pad.axes[1] = 0")
    await page.wait_for_timeout(100)
    stays = await energy.input_value()
    await page.wait_for_timeout(600)
    assert await energy.input_value() == stays
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    await page.evaluate("pad.axes[1] = 1")
    await page.wait_for_function(
        "(before) => Number(document.querySelector('#slider-energy').value) < before", arg=float(stays)
    )


async def test_a_button_of_a_gamepad_is_learnt_as_a_switch_and_a_long_hold_ends_the_scan(visit: Visit) -> None:
    page = visit.page
    await page.add_init_script(_PAD)
    await visit.open()
    await open_settings(visit)
    await page.click("#controls-pad")
    await page.check("#scan-on")
    await page.select_option("#scan-count", "2")
    await page.click("#scan-choose")
    await _press(visit, 3)
    await visit.wait_for_text("#inputs-settings", "Chooses: button 4")
    await page.wait_for_timeout(600)
    await page.click("#settings-dialog form button")
    await page.wait_for_selector("#scan-bar")
    await page.wait_for_timeout(400)
    await _press(visit, 3)
    await visit.wait_for_text(".scan-choice.is-scanned", "Play or pause")
    await page.evaluate("pad.buttons[3].pressed = true")
    await page.wait_for_selector("#scan-bar", state="detached")


async def _press(visit: Visit, button: int) -> None:
    for is_down in (True, False):
        await visit.page.evaluate("([i, isDown]) => { pad.buttons[i].pressed = isDown; }", [button, is_down])
        await visit.page.wait_for_timeout(80)
