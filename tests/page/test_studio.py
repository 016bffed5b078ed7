"""The studio: one screen at every size, one act for what is done most, every command by keyboard and sentence."""

from __future__ import annotations

import itertools
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page
from tests.page.conftest import Visit, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = [(1280, 800), (1366, 650), (390, 844), (360, 640)]
# What must be seen at once: whole within the window, and nothing else over its middle.
_UNSEEN = """() => {
  const wanted = ['#figure', '#play', '#refine-text', ...[...document.querySelectorAll('#sliders input')].map(node => `#${node.id}`)];
  const unseen = wanted.filter((at) => {
    const node = document.querySelector(at), box = node.getBoundingClientRect();
    if (box.width < 20 || box.top < 0 || box.left < 0 || box.bottom > innerHeight + 0.5 || box.right > innerWidth + 0.5) return true;
    const over = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return !(over === node || node.contains(over) || over?.closest('.stage')?.contains(node));
  });
  return [wanted.length, unseen, document.documentElement.scrollHeight - innerHeight, document.documentElement.scrollWidth - innerWidth];
}"""


async def play_a_take(visit: Visit) -> None:
    await visit.open()
    await visit.show("words")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.show("sound")
    assert await visit.page.get_attribute("#play", "aria-label") == "Pause"


async def play_live(visit: Visit) -> None:
    await visit.open()
    await visit.show("words")
    await visit.page.fill("#prompt", "calm piano")
    await visit.page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await visit.show("sound")


@pytest.mark.parametrize("kind", ["take", "live"])
async def test_sliders_transport_picture_and_field_are_in_view_together(visit: Visit, kind: str) -> None:
    await (play_a_take if kind == "take" else play_live)(visit)
    for width, height in SIZES:
        await visit.page.set_viewport_size({"width": width, "height": height})
        await visit.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        count, unseen, *beyond = await visit.page.evaluate(_UNSEEN)
        assert count == 3 + 7
        assert unseen == [], (width, height)
        assert beyond == [0, 0], f"the page itself does not scroll at {width} by {height}"
        if kind == "live":
            assert await visit.page.is_visible("#live-stop")
    await visit.page.keyboard.press("Escape")


@pytest.mark.parametrize(
    "context_options", [pytest.param({"viewport": {"width": 320, "height": 200}}, id="400-percent")]
)
async def test_at_400_percent_one_column_is_short_and_nothing_is_sticky(visit: Visit) -> None:
    await play_a_take(visit)
    page = visit.page
    heights: dict[str, int] = {}
    await page.evaluate("document.querySelector('#taste-add').open = false")
    for tab in ("words", "sound", "versions", "more"):
        await visit.show(tab)
        heights[tab] = await page.evaluate("document.documentElement.scrollHeight")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    print(f"page height at 400 %: {heights}")
    assert max(heights["words"], heights["sound"], heights["versions"]) <= 1000
    sticky = await page.evaluate(
        "[...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && !node.matches('.skip')"
        " && ['sticky', 'fixed'].includes(getComputedStyle(node).position)).map((node) => node.id || node.className)"
    )
    assert sticky == []
    scrolling = await page.evaluate(
        "[...document.querySelectorAll('main *')].filter((node) => node.checkVisibility() && node.scrollHeight > node.clientHeight + 1"
        " && ['auto', 'scroll'].includes(getComputedStyle(node).overflowY) && !node.matches('textarea')).map((node) => node.id)"
    )
    assert scrolling == [], "no second scroll bar"
    after = "document.querySelector('#stage').compareDocumentPosition(document.querySelector('#player')) & 4"
    assert await page.evaluate(after), "the player stands after the picture"


async def test_regions_are_landmarks_with_one_heading_each_in_the_order_that_the_eye_takes(visit: Visit) -> None:
    await play_a_take(visit)
    page = visit.page
    assert await page.locator("h1").count() == 1
    assert await visit.text("h1") == "calm piano"
    names = ["What it is made from", "Now", "Say what to change", "Player"]
    for name in names:
        region = page.get_by_role("region", name=name, exact=True)
        assert await region.count() == 1, name
        assert await region.get_by_role("heading", level=2).count() == 1, name
    found = await page.evaluate("[...document.querySelectorAll('main h2')].map((node) => node.textContent)")
    assert found == names
    for name in ("Energy", "Tempo", "Bass", "Chords", "Instruments", "Voices", "Tension", "Position", "Volume"):
        assert await page.get_by_role("slider", name=name, exact=True).count() == 1
    assert await page.get_by_role("button", name="Download", exact=True).is_enabled()


async def test_f6_goes_from_region_to_region_and_the_first_tabs_offer_player_and_field(visit: Visit) -> None:
    await play_a_take(visit)
    page = visit.page
    await page.evaluate("document.activeElement.blur()")
    went = []
    for _ in range(5):
        await page.keyboard.press("F6")
        went.append(await page.evaluate("document.activeElement.closest('#top, .region').id"))
    assert went == ["top", "made", "now", "say", "player"]
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    offered = []
    for _ in range(2):
        await page.keyboard.press("Tab")
        offered.append(await page.evaluate("document.activeElement.textContent"))
    assert offered == ["Player", "Say what to change"]


async def test_there_are_few_tab_stops(visit: Visit) -> None:
    async def stops() -> list[str]:
        await visit.page.focus(".skip")
        found = ["skip"]
        for _ in range(90):
            await visit.page.keyboard.press("Tab")
            at: str = await visit.page.evaluate(
                "document.activeElement === document.body ? '' : document.activeElement.id || document.activeElement.textContent"
            )
            if not at or at in found or at == "Player":
                break
            found.append(at)
        return found

    await visit.page.goto(visit.url)
    await visit.page.wait_for_selector("html[data-ready=yes]")
    start = await stops()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    playing = await stops()
    between = abs(playing.index("again") - playing.index("play"))
    print(
        f"Tab stops: {len(start)} at the start, {len(playing)} while playing, {between} from Play to Make again, one key: R"
    )
    assert len(start) <= 25, start
    assert len(playing) <= 40, playing


async def test_make_again_and_compare_are_one_key(visit: Visit) -> None:
    await play_a_take(visit)
    page = visit.page
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("r")
    await visit.wait_for_text("#version-list", "a fresh start")
    await visit.wait_for_text("#make-status", "Ready")
    await page.keyboard.press("a")
    await visit.wait_for_text("#polite", "You hear version 1.")
    await page.keyboard.press("[")
    await page.wait_for_selector("[data-version='1'][aria-pressed=true]")
    await page.keyboard.press("5")
    assert await page.evaluate("document.activeElement.id") == "slider-instrument_density"
    await visit.wait_for_text("#take-facts", "92 beats")
    await page.keyboard.press("d")
    await visit.answer("10 seconds, 92 beats a minute.")
    await page.keyboard.press("?")
    await page.wait_for_selector("#keys-dialog[open]")
    assert "say “make the ending calmer”" not in await visit.text("#keys-list")
    assert "Make again" in await visit.text("#keys-list")


async def test_every_command_has_a_name_a_control_and_a_sentence_that_is_read_as_it(visit: Visit) -> None:
    await visit.open()
    table: list[dict[str, Any]] = await visit.page.evaluate(
        """async () => {
          const { COMMANDS, nameOf, sentenceOf } = await import('/static/js/core/commands.js');
          const { readSentence } = await import('/static/js/core/sentences.js');
          return COMMANDS.map(({ id, key, control }) => ({
            id, key, name: nameOf(id), read: readSentence(sentenceOf(id), 20).acts.map((act) => act.command),
            isThere: Boolean(document.getElementById(control)), control,
          }));
        }"""
    )
    keys = [row["key"] for row in table if row.get("key")]
    assert len(keys) == len(set(keys))
    assert [row["id"] for row in table if not row["isThere"]] == []
    # Two are ways to reach a control by hand; words reach what the control does.
    assert [row["id"] for row in table if row["read"] != [row["id"]]] == ["say", "slider"]


async def test_a_press_on_the_waveform_seeks_and_a_drag_chooses_a_part_that_is_made_anew(visit: Visit) -> None:
    await play_a_take(visit)
    page = visit.page
    await page.keyboard.press("Space")
    box = await page.locator("#waveform").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    await page.mouse.click(box["x"] + 0.7 * box["width"], y)
    assert abs(float(await page.input_value("#seek")) - 7) < 0.3
    await page.mouse.move(box["x"] + 0.2 * box["width"], y)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=5)
    await page.mouse.up()
    await page.click("#tab-lanes")
    await visit.wait_for_text("#part-line", "The part from 0:02 to 0:0")
    first = visit.script.generate_requests[-1]
    await page.click("#redo-part")
    await until(lambda: len(visit.script.generate_requests) == 2)
    origin = visit.script.generate_requests[-1].origin
    assert origin.request_id == first.request_id
    assert (origin.start_s, origin.end_s) == (pytest.approx(2, abs=0.2), pytest.approx(6, abs=0.2))
    await visit.answer("New music from 0:0")


async def test_a_part_is_chosen_by_two_presses_and_looped(visit: Visit) -> None:
    await play_a_take(visit)
    page = visit.page
    await page.keyboard.press(
        "Space"
    )  # while it plays, a slow machine's presses come later than the places it jumped to
    await page.click("#tab-lanes")
    await page.evaluate(
        "document.querySelector('#seek').value = 2; document.querySelector('#seek').dispatchEvent(new Event('input'))"
    )
    await page.click("#part-from")
    await page.evaluate(
        "document.querySelector('#seek').value = 3.2; document.querySelector('#seek').dispatchEvent(new Event('input'))"
    )
    await page.click("#part-to")
    await visit.wait_for_text("#part-line", "The part from 0:02 to 0:03.")
    await page.click("#loop")
    await page.click("#play")
    places = []
    for _ in range(25):
        places.append(float(await page.input_value("#seek")))
        await page.wait_for_timeout(100)
    assert max(places) < 3.3
    assert sum(later < earlier for earlier, later in itertools.pairwise(places)) >= 1, "it goes round"


async def test_words_of_a_shared_piece_are_taken_over(visit: Visit) -> None:
    await visit.page.goto(f"{visit.url}/?words=slow+waltz&bass_resonance=0.3&tempo=9")
    await visit.page.wait_for_selector("html[data-ready=yes]")
    assert await visit.page.input_value("#prompt") == "slow waltz"
    assert await visit.page.input_value("#slider-bass_resonance") == "0.3"
    assert await visit.page.input_value("#slider-tempo") == "1"
    assert visit.page.url == f"{visit.url}/"


async def test_the_figure_is_the_same_function_on_page_and_server(modules: Page) -> None:
    from resonance_gateway.services.figure import draw_figure, figure_of

    for text, sliders in (("calm piano 5", {}), ("été ✓ 7", {"tempo": 0.4, "energy": -0.6, "emotional_tension": 0.8})):
        pixels = await modules.evaluate(
            "async ([text, sliders]) => { const one = await import('/static/js/pictures/figure.js');"
            " return [...one.figurePixels(one.figureOf(text, sliders), 40, 21)]; }",
            [text, sliders],
        )
        drawn = draw_figure(figure_of(text, sliders), 40, 21).reshape(-1, 3)
        assert abs(drawn.astype(int) - [pixels[at : at + 3] for at in range(0, len(pixels), 4)]).max() <= 1


@pytest.mark.parametrize("context_options", [{"reduced_motion": "no-preference"}, {"reduced_motion": "reduce"}])
async def test_the_figure_moves_with_the_music_unless_the_user_wants_no_motion(
    visit: Visit, context_options: dict[str, str]
) -> None:
    await play_a_take(visit)
    pictures = set()
    for _ in range(8):
        pictures.add(await visit.page.evaluate("document.querySelector('#figure').toDataURL()"))
        await visit.page.wait_for_timeout(100)
    assert len(pictures) > 1 if context_options["reduced_motion"] == "no-preference" else len(pictures) == 1


async def test_library_names_are_unique(visit: Visit) -> None:
    await visit.open()
    for _ in range(3):
        await visit.make()
        await visit.wait_for_text("#make-status", "Ready")
    await visit.open_library()
    await visit.page.wait_for_selector("#library li:nth-child(3)")
    names = [(await node.text_content() or "").strip() for node in await visit.page.locator(".piece-name").all()]
    assert len(set(names)) == 3, names
    assert all(re.match(r"calm piano, .*\d", name) for name in names)
    await visit.page.fill("#library-search", "waltz")
    assert await visit.page.locator("#library li").count() == 0
    await visit.page.fill("#library-search", "Piano")
    assert await visit.page.locator("#library li").count() == 3


async def test_a_library_of_two_thousand_pieces_opens_and_is_scrolled_and_searched(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    asked: list[int] = []

    async def many(route: Any) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        size, start = int(query["page_size"][0]), int(query.get("page_token", ["0"])[0] or 0)
        asked.append(size)
        (take,) = (await (await route.fetch(url=f"{visit.url}/v1/takes?page_size=12")).json())["takes"]
        takes = [
            take
            | {"request_id": f"t{at}", "recipe": take["recipe"] | {"prompts": [{"text": f"waltz {at}", "weight": 1}]}}
            for at in range(start, min(2000, start + size))
        ]
        await route.fulfill(json={"takes": takes, "next_page_token": str(start + size) if start + size < 2000 else ""})

    page = visit.page
    await page.route("**/v1/takes?*", many)
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    await visit.open_library()
    await page.fill("#library-search", "waltz")
    await page.wait_for_function("() => document.querySelector('#library li')?.getAttribute('aria-setsize') === '2000'")
    assert len(asked) <= 1 + 20
    drawn = await page.locator("#library li").count()
    assert drawn < 200, "rows beyond the view are drawn when they come near"
    took_ms = await page.evaluate(
        "() => { const began = performance.now(); document.querySelector('#library-kept').click();"
        " document.querySelector('#library-kept').click(); document.querySelector('#library').offsetHeight;"
        " return performance.now() - began; }"
    )
    print(f"2,000 pieces: drawn twice in {took_ms:.0f} ms, {drawn} rows of them")
    await page.evaluate(
        "() => { window.frames_ms = []; let last = 0;"
        " const tick = (now) => { if (last) frames_ms.push(now - last); last = now; requestAnimationFrame(tick); };"
        " requestAnimationFrame(tick); }"
    )
    for _ in range(12):
        await page.evaluate("document.querySelector('#library li:last-child').scrollIntoView()")
        await page.wait_for_timeout(50)
    frame_ms = await page.evaluate("frames_ms.sort((one, other) => one - other)[frames_ms.length >> 1]")
    print(f"a frame while it is scrolled, median: {frame_ms:.0f} ms")
    assert await page.locator("#library li").count() > drawn
    await page.fill("#library-search", "waltz 1999")
    await page.wait_for_function("() => document.querySelectorAll('#library li').length === 1")


async def test_a_search_looks_through_pages_that_are_not_shown_yet(visit: Visit) -> None:
    await visit.open()
    await visit.make("slow waltz")
    await visit.wait_for_text("#make-status", "Ready")

    async def one_each(route: Any) -> None:
        answer = await (await route.fetch()).json()
        (waltz,) = answer["takes"]
        tango = waltz | {
            "request_id": "tango",
            "recipe": waltz["recipe"] | {"prompts": [{"text": "tango", "weight": 1}]},
        }
        is_first = "page_token=&" in route.request.url or route.request.url.endswith("page_token=")
        await route.fulfill(json={"takes": [waltz if is_first else tango], "next_page_token": "2" if is_first else ""})

    await visit.page.route("**/v1/takes?*", one_each)
    await visit.page.reload()
    await visit.page.wait_for_selector("html[data-ready=yes]")
    await visit.open_library()
    assert await visit.page.locator(".piece-name").all_text_contents() == ["slow waltz"]
    await visit.page.fill("#library-search", "tang")
    await visit.wait_for_text("#library", "tango")
    assert await visit.page.locator("#library li").count() == 1


async def test_while_the_tempo_is_measured_the_page_says_so(visit: Visit) -> None:
    await visit.open()
    await visit.page.route("**/v1/takes/*", _unheard)
    await visit.make()
    await visit.wait_for_text("#take-facts", "tempo is being measured")
    assert "no steady beat" not in await visit.text("#stage")
    await visit.page.unroute("**/v1/takes/*")
    await visit.wait_for_text("#take-facts", "92 beats a minute")


async def _unheard(route: Any) -> None:
    answer = await route.fetch()
    await route.fulfill(response=answer, json=(await answer.json()) | {"bpm": None, "heard": None})


async def test_the_easy_view_has_its_address_and_six_large_tiles(visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{visit.url}/?view=easy")
    await page.wait_for_selector("html[data-ready=yes]")
    tiles = page.locator(".tile")
    assert [await tile.text_content() for tile in await tiles.all()] == [
        "Play",
        "More like this",
        "Something else",
        "Calmer",
        "Livelier",
        "Keep",
    ]
    width = page.viewport_size["width"] if page.viewport_size else 0
    for tile in await tiles.all():
        box = await tile.bounding_box()
        assert box is not None
        assert box["width"] >= width / 3
    await page.click("#easy-close")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("#easy-open")
    assert "view=easy" in page.url
    await page.click("#easy-calmer")
    await visit.wait_for_text("#easy-now", "Making version 2.")
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    assert await page.is_visible("#easy-tiles"), "it is remembered"
    await page.go_back()
