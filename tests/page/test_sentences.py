"""Conversation: sixty sentences, each done in one act, none silently wrong."""

from __future__ import annotations

import json

import pytest
from tests.page.conftest import Visit
from tests.page.sentences import SENTENCES, Sentence

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHT_MIN = 54
_TOLD = ("did not understand", "does not know", "is not possible", "could not", "There is nothing", "There is no")


async def _sliders(visit: Visit) -> dict[str, float]:
    draft = json.loads(await visit.page.evaluate("localStorage['resonance.draft']"))
    found: dict[str, float] = draft["sliders"] | {one["name"]: one["position"] for one in draft["own"]}
    return found


async def _outcome(visit: Visit, sentence: Sentence) -> str:
    """ "right", "told" where the page says what it did not do, or what was wrong."""
    page = visit.page
    await page.evaluate("document.querySelector('#reset-sliders').click()")
    before = await _sliders(visit)
    count = await page.locator(".saying.it[data-did]").count()
    await visit.say(sentence.text)
    await page.wait_for_function(
        "count => document.querySelectorAll('.saying.it[data-did]').length > count"
        " || !document.querySelector('#refine-error').hidden",
        arg=count,
    )
    answer = page.locator(".saying.it").last
    did = frozenset((await answer.get_attribute("data-did") or "").split())
    after = await _sliders(visit)
    if await page.is_visible("#keys-dialog"):
        await page.click("#keys-dialog form button")
    moved = {name: after.get(name, 0.0) - before.get(name, 0.0) for name in sentence.moves}
    is_right = did == sentence.does and all(moved[name] * sign > 0 for name, sign in sentence.moves.items())
    text = await answer.text_content() or ""
    if any(words in text for words in _TOLD):
        return "told" if not is_right or "nothing" in text else "right"
    return "right" if is_right else f"did {sorted(did)}, moved {moved}: {text.strip()}"


async def test_sixty_sentences_are_done_in_one_act_and_none_silently_wrong(visit: Visit) -> None:
    assert len(SENTENCES) == len({sentence.text for sentence in SENTENCES}) == 60
    visit.script.chunk_wait_s = 0
    await visit.open()
    outcomes: dict[str, str] = {}
    for number, sentence in enumerate(SENTENCES):
        if number % 12 == 0:  # a fresh piece with two versions, so that one sentence leaves little to the next
            await visit.page.evaluate("localStorage.clear()")
            await visit.open()
            await visit.make()
            await visit.wait_for_text("#make-status", "Ready")
            await visit.page.click("#again")
            await visit.page.wait_for_selector("#version-list li:nth-child(2)")
        await visit.page.wait_for_selector("#stop", state="hidden")  # nothing is being made
        await visit.page.evaluate("document.querySelector('[data-version=\"2\"]')?.click()")
        await visit.page.wait_for_selector("#download:not([disabled])")
        outcomes[sentence.text] = await _outcome(visit, sentence)
    wrong = {text: outcome for text, outcome in outcomes.items() if outcome not in ("right", "told")}
    right = sum(outcome == "right" for outcome in outcomes.values())
    print(f"{right} of {len(outcomes)} right, {len(wrong)} silently wrong")
    assert wrong == {}
    assert right >= RIGHT_MIN, {text: outcome for text, outcome in outcomes.items() if outcome != "right"}


async def test_what_is_not_understood_is_named_and_two_near_commands_are_offered(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.page.click("#again")
    await visit.page.wait_for_selector("#version-list li:nth-child(2)")
    await visit.say("compair the versions of it")
    await visit.answer("These come near:")
    near = visit.page.locator(".saying.it:last-child button")
    assert await near.count() == 2
    assert "compare" in [await button.text_content() for button in await near.all()]


async def test_live_a_sentence_is_heard_in_the_next_chunk_and_can_be_taken_back(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.fill("#prompt", "calm piano")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await visit.say("more bass")
    await visit.answer("Bass: slightly more bass. You hear it in a moment.")
    await visit.wait_for_text("#live-heard", "heard now")
    await visit.say("add a trumpet")
    await visit.wait_for_text("#make-status", "calm piano, with a trumpet")
    await page.click("#refine-back")
    await visit.wait_for_text("#make-status", "You hear: calm piano, slightly more bass.")
    await visit.say("pause")
    assert await page.get_attribute("#play", "aria-label") == "Play"
    await visit.say("stop")
    await visit.wait_for_text("#make-status", "The live music has ended")
