"""Stars and parts of songs on the page."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit, until

from resonance.v1 import steering_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINK = "https://www.youtube.com/playlist?list=x"


def files(*names: str) -> list[dict[str, object]]:
    return [{"name": name, "mimeType": "audio/mpeg", "buffer": b"x" * 500} for name in names]


async def make_taste(visit: Visit, *names: str) -> None:
    """A taste of these songs, with the section for stars and parts open."""
    await visit.open()
    await visit.page.set_input_files("#files", files(*names))
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    assert not await visit.page.is_visible("#songs-again"), "the section is closed at first"
    await visit.page.click("#songs-more summary")


async def heard_again(visit: Visit, count: int = 2) -> steering_pb2.TasteOptions:
    """Waits until that many tastes were made, and gives the last one's options."""
    await until(lambda: len(visit.script.jobs) == count)
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    return list(visit.script.jobs.values())[-1].options


async def test_stars_and_a_part_are_chosen_by_keyboard_alone(visit: Visit) -> None:
    await make_taste(visit, "one.mp3", "two.mp3")
    page = visit.page
    await page.locator("#songs fieldset.song").nth(0).get_by_role("radio", name="3 of 5 stars").focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "part-from-0"
    await page.keyboard.type("4.5")
    await page.keyboard.press("Tab")
    await page.keyboard.type("12")
    await page.keyboard.press("Enter")
    options = await heard_again(visit)
    assert list(options.stars) == [5, 3]
    assert options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT
    ranges = [(one.track_index, one.start_s, one.end_s) for one in options.ranges]
    assert ranges == [(0, 4.5, 12.0), (1, 0.0, 86_400.0)], "a song without a part counts whole"
    assert [name for name, _ in visit.script.uploads] == ["one.mp3", "two.mp3"] * 2


async def test_what_was_chosen_is_there_again_after_a_reload(visit: Visit) -> None:
    await make_taste(visit, "one.mp3", "two.mp3")
    page = visit.page
    await page.fill("#part-to-1", "9")
    await page.locator("#songs fieldset.song").nth(1).get_by_text("5", exact=True).click()
    await page.reload()
    await page.wait_for_selector("#taste-done:not([hidden])")
    assert await page.input_value("#part-to-1") == "9"
    assert await page.is_checked("input[name=stars-1][value='5']")
    await page.click("#songs-more summary")
    await page.click("#songs-again")
    await visit.wait_for_text("#songs-error", "These songs are not at hand any more: one.mp3, two.mp3.")
    assert await page.evaluate("document.activeElement.id") == "songs-files"
    await page.set_input_files("#songs-files", files("two.mp3", "one.mp3"))
    await page.click("#songs-again")
    options = await heard_again(visit)
    assert list(options.stars) == [3, 5]
    assert [name for name, _ in visit.script.uploads[-2:]] == ["one.mp3", "two.mp3"], "in the taste's order"


async def test_songs_that_failed_are_not_sent_again_and_places_still_fit(visit: Visit) -> None:
    await make_taste(visit, "bad.mp3", "one.mp3", "two.mp3")
    assert await visit.page.locator("#songs fieldset.song").count() == 2
    await visit.page.fill("#part-from-2", "10")
    await visit.page.click("#songs-again")
    options = await heard_again(visit)
    assert [name for name, _ in visit.script.uploads[-2:]] == ["one.mp3", "two.mp3"]
    assert [(one.track_index, one.start_s) for one in options.ranges] == [(0, 0.0), (1, 10.0)]


async def test_the_songs_of_a_link_are_asked_for_by_the_link(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.fill("#link", LINK)
    await page.click("#link-form button")
    await page.wait_for_selector("#taste-done:not([hidden])")
    await page.reload()
    await page.wait_for_selector("#taste-done:not([hidden])")
    await page.click("#songs-more summary")
    assert not await page.is_visible("#songs-files")
    await page.check("input[name=stars-0][value='1']", force=True)
    await page.click("#songs-again")
    options = await heard_again(visit)
    assert list(options.stars) == [1, 3]
    assert options.mix_mode == steering_pb2.MIX_MODE_MEAN
    assert list(visit.script.jobs.values())[-1].source_url == LINK


@pytest.mark.parametrize(
    ("start", "end", "field", "words"),
    [
        ("9", "4", "to", "must end after it starts"),
        ("40", "", "from", "has only 31 seconds"),
        ("5", "5.5", "to", "needs 1 second at least"),
        ("-1", "", "from", "starts at second 0"),
    ],
)
async def test_a_part_that_cannot_be_is_said_at_its_field(
    visit: Visit, start: str, end: str, field: str, words: str
) -> None:
    await make_taste(visit, "one.mp3", "two.mp3")
    page = visit.page
    await page.fill("#part-from-1", start)
    await page.fill("#part-to-1", end)
    await page.click("#songs-again")
    assert words in await visit.text("#part-message-1")
    assert words in await visit.text("#assertive")
    assert await page.evaluate("document.activeElement.id") == f"part-{field}-1"
    assert await page.get_attribute(f"#part-{field}-1", "aria-invalid") == "true"
    assert len(visit.script.jobs) == 1
    await page.fill("#part-from-1", "2")
    await page.fill("#part-to-1", "8")
    await page.click("#songs-again")
    assert (await heard_again(visit)).ranges[1].end_s == 8


async def test_all_parts_together_need_three_seconds(visit: Visit) -> None:
    await make_taste(visit, "one.mp3")
    await visit.page.fill("#part-to-0", "2")
    await visit.page.click("#songs-again")
    assert "need 3 seconds at least" in await visit.text("#part-message-0")
    assert len(visit.script.jobs) == 1


async def test_stopping_the_second_listening_keeps_the_taste(visit: Visit) -> None:
    await make_taste(visit, "one.mp3", "two.mp3")
    first = next(iter(visit.script.jobs))
    visit.script.job_wait_s = 1
    await visit.page.fill("#part-to-0", "9")
    await visit.page.click("#songs-again")
    await visit.page.click("#taste-cancel")
    await visit.wait_for_text("#polite", "Your taste is as it was")
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    assert await visit.page.input_value("#part-to-0") == "9"
    visit.script.chunk_wait_s = 0
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert visit.script.generate_requests[-1].recipe.tastes[0].taste_id == first


async def test_tastes_of_one_name_are_told_apart_by_their_time(visit: Visit) -> None:
    await make_taste(visit, "one.mp3")
    for name in ("one.mp3", "two.mp3"):
        await visit.page.click("#taste-drop")
        await visit.page.set_input_files("#files", files(name))
        await visit.page.wait_for_selector("#taste-done:not([hidden])")
    await visit.page.click("#taste-drop")
    await visit.page.wait_for_selector("#earlier:not([hidden])")
    await visit.page.wait_for_function("() => document.querySelectorAll('#earlier-tastes option').length === 4")
    none, two, one, other = await visit.page.locator("#earlier-tastes option").all_text_contents()
    assert (none, two) == ("Choose one", "two.mp3"), "a name that is the only one needs nothing more"
    assert one.startswith("one.mp3, ")
    assert other.startswith("one.mp3, ")


async def test_an_earlier_taste_is_taken_by_a_press_and_not_by_looking_through_the_list(visit: Visit) -> None:
    """Arrow keys change a closed list at once: keyboard users must get past its first taste."""
    await make_taste(visit, "one.mp3")
    for name in ("two.mp3", "three.mp3"):
        await visit.page.click("#taste-drop")
        await visit.page.set_input_files("#files", files(name))
        await visit.page.wait_for_selector("#taste-done:not([hidden])")
    await visit.page.click("#taste-drop")
    await visit.page.wait_for_selector("#earlier:not([hidden])")
    await visit.page.wait_for_function("() => document.querySelectorAll('#earlier-tastes option').length === 4")
    await visit.page.focus("#earlier-tastes")
    for _ in range(2):
        await visit.page.keyboard.press("ArrowDown")
    assert await visit.page.is_hidden("#taste-done")
    await visit.page.keyboard.press("Tab")
    await visit.page.keyboard.press("Enter")
    await visit.wait_for_text("#taste-name", "“two.mp3” is ready")
    assert await visit.page.evaluate("document.activeElement.id") == "taste-name"


async def test_an_earlier_taste_that_does_not_come_is_waited_for_in_sight(visit: Visit) -> None:
    await make_taste(visit, "one.mp3")
    page = visit.page
    await page.click("#taste-drop")
    await page.wait_for_selector("#earlier:not([hidden])")
    await page.route("**/v1/tastes/t-*", lambda route: route.abort())
    await page.select_option("#earlier-tastes", index=1)
    await page.click("#earlier-go")
    await visit.wait_for_text("#taste-stage", "Opening your taste")
    await page.unroute("**/v1/tastes/t-*")
    await page.wait_for_selector("#taste-done:not([hidden])")


async def test_a_taste_says_how_many_songs_it_is_of(visit: Visit) -> None:
    await make_taste(visit, "one.mp3", "two.mp3", "three.mp3")
    (job,) = visit.script.jobs.values()
    job.title = "one"
    await visit.page.reload()
    await visit.wait_for_text("#taste-name", "“one and 2 more” is ready")
