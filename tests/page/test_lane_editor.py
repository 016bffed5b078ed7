"""Lanes of a stored piece in the page: drawn, edited by keyboard, taken back, played on the same seed, saved as a file and opened again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.page.conftest import Visit, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def open_lanes(visit: Visit) -> None:
    await visit.open()
    await visit.make(seconds=20)
    await visit.page.wait_for_selector("#download:not([disabled])")
    await visit.page.click("#tab-lanes")
    await visit.page.wait_for_selector("#lane-more")


async def draw_energy(visit: Visit) -> None:
    """Adds the curve of the energy and draws over it, from the middle up to three quarters of the time."""
    page = visit.page
    await page.select_option("#lane-more", "energy")
    await page.locator("svg.lane").scroll_into_view_if_needed()
    box = await page.locator("svg.lane").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 3, steps=4)
    await page.mouse.up()


async def test_a_curve_is_drawn_and_played_on_the_same_seed(visit: Visit) -> None:
    await open_lanes(visit)
    await draw_energy(visit)
    await visit.page.click("#lanes-go")
    await visit.wait_for_text("#take-title", "Version 2")
    first, second = visit.script.generate_requests[0], visit.script.generate_requests[-1]
    assert second.HasField("seed")
    assert second.seed == visit.script.takes[first.request_id][0].seed
    values = [(change.start_s, change.recipe.sliders.energy) for change in second.recipe_changes]
    assert values[0][0] >= 9.75, "what lies before the stroke stays as it was"
    assert max(value for _, value in values) >= 0.8
    assert values[-1][1] == 0, "and what lies behind it"
    await visit.wait_for_text("#version-list", "Changes")


async def test_the_list_does_by_keyboard_what_the_pointer_does(visit: Visit) -> None:
    await open_lanes(visit)
    page = visit.page
    await page.select_option("#lane-more", "tempo")
    await page.keyboard.press("Enter")  # the focus is on the list's summary
    await page.focus("#lane-0-0-value")
    for _ in range(5):
        await page.keyboard.press("ArrowRight")
    assert await page.get_attribute("#lane-0-0-value", "aria-valuetext") == "faster"
    await page.fill("#lane-0-0-at", "4.5")
    await page.keyboard.press("Tab")
    assert await page.input_value("#lane-0-0-at") == "4.5"
    await page.click("#lanes-undo")
    assert await page.input_value("#lane-0-0-at") == "0"
    await page.click("#lanes-go")
    await visit.wait_for_text("#take-title", "Version 2")
    assert visit.script.generate_requests[-1].recipe.sliders.tempo == pytest.approx(0.5)


async def test_lanes_are_saved_as_a_file_and_opened_again(visit: Visit, tmp_path: Path) -> None:
    await open_lanes(visit)
    await draw_energy(visit)
    async with visit.page.expect_download() as saving:
        await visit.page.click("#lanes-save")
    saved = tmp_path / (await saving.value).suggested_filename
    await (await saving.value).save_as(saved)
    assert saved.name == "calm-piano.resonance.json"
    known = json.loads(saved.read_text())
    assert [curve["name"] for curve in known["curves"]] == ["energy"]
    assert "take" not in known, "the edited curves are not those of the take"
    known["model"] = {"model_id": "elsewhere", "digest": "11" * 32}
    saved.write_text(json.dumps(known))
    await visit.page.set_input_files("#lanes-file", saved)
    await visit.wait_for_text("#lanes-notices", "elsewhere")
    await visit.page.click("#lanes-go")
    await until(lambda: len(visit.script.generate_requests) == 2)
    assert len(visit.script.generate_requests[-1].recipe_changes) > 2


@pytest.mark.parametrize(
    ("text", "told"),
    [("RIFF", "no curves that can be read"), ('{"format": "resonance-lanes", "version": 2}', "version")],
)
async def test_a_file_that_is_none_is_told_and_loses_nothing(
    visit: Visit, tmp_path: Path, text: str, told: str
) -> None:
    await open_lanes(visit)
    await draw_energy(visit)
    (tmp_path / "wrong.resonance.json").write_text(text)
    await visit.page.set_input_files("#lanes-file", tmp_path / "wrong.resonance.json")
    await visit.wait_for_text("#lanes-error", told)
    assert await visit.page.locator("svg.lane").count() == 1
