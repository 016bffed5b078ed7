"""The page in eight languages: choice, plurals, length, right to left, accessibility."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, Route
from tests.page.conftest import Visit

import resonance_gateway
from resonance_gateway.services.languages import RIGHT_TO_LEFT, TAGS, load_language, plural

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOLDER = Path(resonance_gateway.__file__).parent / "static/languages"
SIZES = [(1280, 800), (390, 844), (360, 640)]
AT_SIZES = [pytest.param({"viewport": {"width": w, "height": h}}, id=f"{w}x{h}") for w, h in SIZES]
# The eight, and one that is 40 % longer than English.
LONGER = "longer"
# Letters of a Latin alphabet that stay Latin in every language: names, formats, units and keys.
_STAYS = {"resonance", "esc", "api", "rest", "ai", "wav", "mp", "a/b", "ab", "bpm"}

# Controls whose text does not fit into their box, and boxes of controls that lie over one another or beyond the window.
_FAULTS = """() => {
  const shown = [...document.querySelectorAll('button, select, input, summary, [role=tab], a.button')]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }) && !getComputedStyle(node).clipPath.startsWith('inset(50%'))
    .filter((node) => !node.matches('.skip') && !node.closest('.slider, [hidden], .stage'));
  const name = (node) => node.id || node.textContent.trim() || node.className;
  const scrolls = (node) => node.closest('.column-scroll, .now-scroll, #log, .version-row > .versions, .column-foot');
  const box = (node) => {
    const own = node.getBoundingClientRect(), around = scrolls(node)?.getBoundingClientRect();
    if (!around) return own;
    const [top, bottom] = [Math.max(own.top, around.top), Math.min(own.bottom, around.bottom)];
    return { left: own.left, right: own.right, top, bottom, width: own.width, height: Math.max(0, bottom - top) };
  };
  const range = document.createRange();
  const lines = (node) => [...node.childNodes, ...[...node.children].flatMap((child) => [...child.childNodes])]
    .filter((child) => child.nodeType === 3 && !getComputedStyle(child.parentElement).clipPath.startsWith('inset(50%'))
    .flatMap((child) => (range.selectNodeContents(child), [...range.getClientRects()]));
  const faults = [];
  for (const node of shown) {
    const at = box(node);
    if (!at.height) continue;
    const isText = node.matches('button, summary, [role=tab], a.button');
    node.style.overflowWrap = 'normal'; // a word that is broken in its middle does not fit either
    const outer = node.getBoundingClientRect();
    for (const inner of isText ? lines(node) : []) {
      if (inner.left < outer.left - 1 || inner.right > outer.right + 1) faults.push(`${name(node)}: its text is wider than it`);
    }
    node.style.overflowWrap = '';
    if (isText && node.scrollHeight > node.clientHeight + 2) faults.push(`${name(node)}: its text is higher than it`);
    if (at.left < -1 || at.right > innerWidth + 1) faults.push(`${name(node)}: beyond the window's side`);
    if (!scrolls(node) && (at.top < -1 || at.bottom > innerHeight + 1)) faults.push(`${name(node)}: beyond the window's end`);
  }
  shown.forEach((one, i) => shown.slice(i + 1).forEach((other) => {
    if (one.contains(other) || other.contains(one)) return;
    const [a, b] = [box(one), box(other)];
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 1) faults.push(`${name(one)} and ${name(other)} lie over one another`);
  }));
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page scrolls sideways');
  return faults;
}"""


def _longer(text: Any) -> Any:
    """The English text 40 % longer, with accents; names in braces stay."""
    if isinstance(text, list):
        return [_longer(one) for one in text]
    if isinstance(text, dict):
        return {form: _longer(one) for form, one in text.items()}
    accented = re.sub(
        r"\{\w+\}|[aeiou]", lambda found: found[0] if len(found[0]) > 1 else "àéîõü"["aeiou".index(found[0])], text
    )
    wanted, bare = round(0.4 * len(text)), re.sub(r"\{\w+\}", "", text)
    return (
        accented + (" " if " " in bare and wanted > 2 else "") + ("lorem ipsum dolor sit amet " * 9)[:wanted].rstrip()
        if bare.strip()
        else text
    )


async def open_in(visit: Visit, code: str) -> None:
    """Opens the page in a language; "longer" replaces the texts of English on their way to the page."""
    if code == LONGER:
        texts = json.loads((FOLDER / "en.json").read_text("utf-8"))

        async def send(route: Route) -> None:
            longer = texts | {"texts": {key: _longer(text) for key, text in texts["texts"].items()}}
            await route.fulfill(json=longer)

        await visit.page.route("**/languages/en.json", send)
    await visit.page.goto(f"{visit.url}/?lang={'en' if code == LONGER else code}")
    await visit.page.wait_for_selector("html[data-ready=yes]")


async def make_a_take(visit: Visit) -> None:
    await visit.show("words")
    await visit.make()
    await visit.page.wait_for_selector("#download:not([disabled])", state="attached")
    await visit.page.wait_for_selector("#stop", state="hidden")


@pytest.mark.parametrize("code", TAGS)
async def test_the_address_names_the_language_and_every_word_of_the_page_is_in_it(visit: Visit, code: str) -> None:
    await open_in(visit, code)
    page, language = visit.page, load_language(code)
    assert await page.get_attribute("html", "lang") == language.tag
    assert await page.get_attribute("html", "dir") == ("rtl" if code in RIGHT_TO_LEFT else "ltr")
    assert await visit.text("#made-title") == language.text("made.title")
    assert await page.get_attribute("#transport", "aria-label") == language.text("listen.player")
    await make_a_take(visit)
    await page.click("#again")
    await page.wait_for_selector("[data-version='2']", state="attached")
    visible: str = await page.evaluate("document.body.innerText")
    assert "{" not in visible
    assert "undefined" not in visible
    if code in ("ar", "ja", "zh"):  # what is in Latin letters there is a name, or marked as English
        latin = await page.evaluate(
            """() => [...document.querySelectorAll('body *')].filter((node) => node.checkVisibility())
              .filter((node) => !node.closest('[lang=en], option, canvas'))
              .flatMap((node) => [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data))
              .flatMap((text) => text.match(/[A-Za-z]{2,}/g) ?? [])"""
        )
        words = {word.lower() for word in latin} - _STAYS - {"calm", "piano"}
        assert words == set()


@pytest.mark.parametrize("context_options", [pytest.param({"locale": "de-AT"}, id="a browser in Austria")])
async def test_the_browsers_language_is_taken_and_a_choice_is_remembered(visit: Visit) -> None:
    page = visit.page
    await visit.open()
    assert await page.get_attribute("html", "lang") == "de"
    await page.click("#settings-open")
    assert await page.input_value("#language") == "de"
    assert await page.locator("#language option").all_text_contents() == [
        "English",
        "Deutsch",
        "Español",
        "Français",
        "Português",
        "العربية",
        "日本語",
        "中文（简体）",
    ]
    async with page.expect_navigation():
        await page.select_option("#language", "ar")
    await page.wait_for_selector("html[data-ready=yes][dir=rtl]")
    await page.goto(visit.url)
    await page.wait_for_selector("html[data-ready=yes]")
    assert await page.get_attribute("html", "lang") == "ar", "remembered without the address"
    for asked, tag in (("ja", "ja"), ("zh-TW", "zh-Hans"), ("tlh", "ar"), ("constructor", "ar")):
        await page.goto(f"{visit.url}/?lang={asked}")
        await page.wait_for_selector("html[data-ready=yes]")
        assert await page.get_attribute("html", "lang") == tag, (
            "the address comes first, where there is such a language"
        )


async def test_only_the_language_itself_is_loaded_and_nothing_is_shown_before_it(visit: Visit) -> None:
    page, loaded = visit.page, []
    page.on("request", lambda request: loaded.append(request.url))

    async def slow(route: Route) -> None:
        await page.wait_for_timeout(600)
        await route.continue_()

    await page.route("**/languages/*.json", slow)
    await page.goto(f"{visit.url}/?lang=fr", wait_until="commit")
    await page.wait_for_timeout(300)
    assert (await page.evaluate("document.body?.innerText ?? ''")).replace("Resonance", "").replace(
        "0:00 / 0:00", ""
    ).strip() == ""
    await page.wait_for_selector("html[data-ready=yes]")
    assert [url.rsplit("/", 1)[1] for url in loaded if "/languages/" in url] == ["fr.json"]
    first = await page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => /languages.|player.js$/.test(one.name))"
        ".map((one) => [one.name.split('/').at(-1), Math.round(one.startTime), Math.round(one.responseEnd)])"
    )
    print(f"asked for at, in ms: {first}")


async def test_plural_forms_of_the_server_are_those_of_intl(modules: Page) -> None:
    counts = [*range(130), 200, 1000, 1001, 1_000_000, 2_000_000]
    for code, tag in TAGS.items():
        forms = await modules.evaluate(
            "([tag, counts]) => counts.map((count) => new Intl.PluralRules(tag).select(count))", [tag, counts]
        )
        assert [plural(code, count) for count in counts] == forms, code
        found = await modules.evaluate(
            "tag => new Intl.PluralRules(tag, { type: 'ordinal' }).resolvedOptions().pluralCategories", tag
        )
        texts = load_language(code).texts["names.ordinal"]
        assert isinstance(texts, dict)
        assert set(found) == set(texts), code


@pytest.mark.slow
@pytest.mark.parametrize("context_options", AT_SIZES)
async def test_no_label_grows_out_of_its_box_in_any_language(visit: Visit) -> None:
    faults: dict[str, list[str]] = {}
    for code in (*TAGS, LONGER):
        await visit.page.unroute("**/languages/en.json")
        await open_in(visit, code)
        await visit.page.evaluate("localStorage.clear()")
        await open_in(visit, code)
        await make_a_take(visit)
        for tab in ("words", "sound", "lanes", "more"):
            await visit.show(tab)
            if found := await visit.page.evaluate(_FAULTS):
                faults[f"{code}, {tab}"] = found
    assert faults == {}


async def test_the_look_at_boxes_finds_what_is_cut_covered_or_outside(visit: Visit) -> None:
    await open_in(visit, "en")
    await make_a_take(visit)
    assert await visit.page.evaluate(_FAULTS) == []
    for at, name, value, fault in (
        ("#download", "inline-size", "2.75rem; padding: 0", "download: its text is wider than it"),
        ("#again", "block-size", "1rem; min-block-size: 0", "again: its text is higher than it"),
        ("#keep", "translate", "2rem", "keep and describe lie over one another"),
        ("#settings-open", "translate", "4rem", "settings-open: beyond the window's side"),
    ):
        await visit.page.evaluate(
            "([at, css]) => document.querySelector(at).style.cssText = css", [at, f"{name}: {value}"]
        )
        assert fault in await visit.page.evaluate(_FAULTS)
        await visit.page.evaluate("at => document.querySelector(at).style.cssText = ''", at)


async def test_arabic_runs_from_right_to_left_and_time_from_left_to_right(visit: Visit) -> None:
    await open_in(visit, "ar")
    await make_a_take(visit)
    await visit.show("sound")
    page = visit.page
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert await page.evaluate(_FAULTS) == [], (width, height)
        for at in ("#seek", "#waveform", "#transport", "#clock"):
            assert await page.evaluate("at => getComputedStyle(document.querySelector(at)).direction", at) == "ltr", at
        less, more = await page.evaluate(
            "['.less', '.more'].map((at) => document.querySelector(`#sliders ${at}`).getBoundingClientRect().left)"
        )
        assert less > more, "a slider begins at the right"
        await page.focus("#seek")
        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowRight")
        assert "0:05" in (await page.get_attribute("#seek", "aria-valuetext") or "")
        box = await page.locator("#waveform").bounding_box()
        if box and box["height"] >= 40:
            await page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 10)
            assert 7 <= float(await page.input_value("#seek")) <= 8


@pytest.mark.parametrize("code", ["ar", "ja"])
async def test_axe_finds_nothing_in_the_main_state(visit: Visit, code: str) -> None:
    await open_in(visit, code)
    await make_a_take(visit)
    await visit.show("sound")
    found = await Axe().run(visit.page, options={"resultTypes": ["violations"]})
    assert [f"{fault['id']} at {fault['nodes'][0]['html'][:160]}" for fault in found.response["violations"]] == []


async def test_faults_are_told_in_the_language_and_what_has_no_translation_is_marked(visit: Visit) -> None:
    await open_in(visit, "es")
    page = visit.page
    visit.script.is_full = True
    await visit.show("words")
    await visit.make()
    await page.wait_for_selector("#make-error:not([hidden])")
    reason = await page.evaluate("document.querySelector('#make-error .happened').outerHTML")
    print(reason)
    assert load_language("es").text("problem.QUEUE_FULL") in await visit.text("#make-error") or 'lang="en"' in reason
    assert load_language("es").text("kept.words") in await visit.text("#make-error")
    told = await page.evaluate(
        """async () => {
          const { tell, marked } = await import('/static/js/core/server-texts.js');
          return [tell('TOO_LONG', 'at most 300 s'), tell('NEVER_HEARD_OF', 'at most 300 s'), marked('at most 300 s').outerHTML];
        }"""
    )
    assert told[0] == {"text": "Esto es demasiado largo.", "isEnglish": False}
    assert told[1] == {"text": "at most 300 s", "isEnglish": True}
    assert told[2] == '<span lang="en" dir="ltr">at most 300 s</span>'
