"""Example piece of a first visit: one act until something sounds, and marked like every other file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.page.conftest import Visit

import resonance_gateway
from resonance.audio.delivery.verification import verify_file
from resonance.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLE = Path(resonance_gateway.__file__).parent / "static/example/example.mp3"
_SOUND_MS_MAX_BUSY = 3000
# When a press came, and when the worklet first reported a sample after the beginning.
_WATCH = """
(() => {
  window.watched = { pressedMs: 0, soundMs: 0 };
  addEventListener('click', () => (watched.pressedMs ||= performance.now()), true);
  const Node = window.AudioWorkletNode;
  window.AudioWorkletNode = class extends Node {
    constructor(...given) {
      super(...given);
      this.port.addEventListener('message', ({ data }) => {
        if (data.position > 0 && !watched.soundMs) watched.soundMs = performance.now();
      });
    }
  };
})();
"""


async def test_the_example_says_that_a_machine_made_it() -> None:
    report = (await verify_file(EXAMPLE, Settings())).to_json()
    assert report["made_by_machine"]
    assert report["tags"]["found"]
    assert EXAMPLE.stat().st_size < 300_000


async def test_one_press_after_the_page_has_opened_something_sounds(visit: Visit) -> None:
    page = visit.page
    await page.add_init_script(_WATCH)
    await page.goto(visit.url)
    await page.wait_for_selector("html[data-ready=yes]")
    filled = await page.evaluate(
        """[...document.querySelectorAll('.primary, .play')].filter((node) => node.checkVisibility())
          .filter((node) => getComputedStyle(node).backgroundColor === getComputedStyle(document.querySelector('#hear')).backgroundColor)
          .map((node) => node.id)"""
    )
    assert filled == ["hear"], "the one filled button"
    await page.click("#hear")
    await page.wait_for_function("() => watched.soundMs > 0")
    watched = await page.evaluate("watched")
    waited_ms = watched["soundMs"] - watched["pressedMs"]
    print(f"from Hear it to the first sample: {waited_ms:.0f} ms")
    # The product's figure is 0.3 s; a machine that does other things at once gets more time.
    assert waited_ms <= _SOUND_MS_MAX_BUSY
    assert await visit.text("#piece-name") == "calm piano for studying"
    assert await visit.text("#take-title") == "Example"
    assert await page.is_hidden("#hear")


async def test_a_sentence_goes_on_from_the_example(visit: Visit) -> None:
    page = visit.page
    await page.goto(visit.url)
    await page.wait_for_selector("html[data-ready=yes]")
    await page.click("#hear")
    await page.wait_for_function("() => document.querySelector('#take-title').textContent === 'Example'")
    await visit.say("more bass")
    await visit.answer("Bass: slightly more bass. Making version 1.")
    await page.wait_for_selector("[data-version='1']", state="attached")
    (request,) = visit.script.generate_requests
    assert request.recipe.prompts[0].text == "calm piano for studying"
    assert request.recipe.sliders.bass_resonance == pytest.approx(0.3)
    assert not request.HasField("origin")


async def test_who_has_made_something_is_offered_no_example(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.page.reload()
    await visit.page.wait_for_selector("#download:not([disabled])")
    assert await visit.page.is_hidden("#hear")
