"""Page behind a share link: for browsers, without script, not to be indexed."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from tests.contract.rest.conftest import Gateway

from resonance_gateway.services.figure import draw_figure, figure_of, to_png

pytestmark = pytest.mark.asyncio(loop_scope="session")

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def share(gateway: Gateway, prompt: str = "calm piano") -> str:
    body = {"prompt": prompt, "duration_s": 2, "request_id": "one", "seed": 5, "sliders": {"bass_resonance": 0.3}}
    assert (await gateway.http.post("/v1/generations", json=body)).status_code == 200
    link: str = (await gateway.http.post("/v1/takes/one/link", json={})).json()["url"]
    return link


async def test_a_browser_that_opens_a_link_gets_a_page_and_a_program_the_sound(gateway: Gateway) -> None:
    link = await share(gateway)
    page = await gateway.http.get(link, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["vary"] == "Accept, Accept-Language"
    for part in (
        '<h1 dir="auto">calm piano</h1>',
        "<audio controls",
        "slightly more bass",
        "Make your own from this",
        "noindex",
    ):
        assert part in page.text, part
    assert "<script" not in page.text
    assert 'href="/?words=calm+piano&amp;bass_resonance=0.3"' in page.text
    assert (await gateway.http.get(link)).content[:4] == b"RIFF"
    named = await gateway.http.get(f"{link}?format=wav", headers=BROWSER)
    assert named.content[:4] == b"RIFF", "the page's own player and file"


async def test_the_words_of_a_piece_are_text_and_no_markup(gateway: Gateway) -> None:
    link = await share(gateway, prompt='<img src=x onerror="alert(1)"> & more')
    page = await gateway.http.get(link, headers=BROWSER)
    assert '<h1 dir="auto">&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; more</h1>' in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]


async def test_the_preview_is_the_figure_of_the_piece(gateway: Gateway) -> None:
    link = await share(gateway)
    picture = await gateway.http.get(f"{link}/picture.png")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
    assert picture.content == to_png(draw_figure(figure_of("calm piano 5", {"bass_resonance": 0.3}), 600, 315))
    assert 'content="http://' in (await gateway.http.get(link, headers=BROWSER)).text


async def test_a_link_that_works_no_more_says_so_to_a_person(gateway: Gateway) -> None:
    gone = await gateway.http.get("/shared/" + "a" * 26, headers=BROWSER)
    assert gone.status_code == 404
    assert "This link does not work any more" in gone.text
    assert (await gateway.http.get("/shared/" + "a" * 26)).json()["reason"] == "NO_SUCH_LINK"
    assert (await gateway.http.get("/shared/" + "a" * 26 + "/picture.png")).status_code == 404


async def test_a_png_has_the_pixels_that_were_drawn() -> None:
    pixels = draw_figure(figure_of("calm piano 5", {}), 31, 17)
    data = to_png(pixels)
    assert struct.unpack(">II", data[16:24]) == (31, 17)
    start = data.index(b"IDAT") + 4
    (size,) = struct.unpack(">I", data[start - 8 : start - 4])
    lines = np.frombuffer(zlib.decompress(data[start : start + size]), np.uint8).reshape(17, 1 + 3 * 31)
    assert (lines[:, 1:].reshape(17, 31, 3) == pixels).all()


@pytest.mark.parametrize(
    ("query", "accepted", "tag", "direction", "words"),
    [
        (
            "",
            "de-AT,de;q=0.9,en;q=0.5",
            "de",
            "ltr",
            ("Länge: 2 Sekunden.", "etwas mehr Bass", "Mach dein eigenes daraus"),
        ),
        ("", "nl;q=0.9, ar;q=0.8", "ar", "rtl", ("الطول: ثانيتان.", "باس أكثر قليلًا", "اصنع قطعتك منها")),
        ("?lang=ja", "de", "ja", "ltr", ("長さ：2秒。", "低音をやや多く", "ここから自分の音楽を作る")),
        ("", "tlh", "en", "ltr", ("Length: 2 seconds.", "slightly more bass", "Make your own from this")),
    ],
)
async def test_the_page_speaks_the_language_of_the_browser_or_of_the_address(
    gateway: Gateway, query: str, accepted: str, tag: str, direction: str, words: tuple[str, ...]
) -> None:
    gone = await gateway.http.get("/shared/" + "a" * 26 + query, headers=BROWSER | {"Accept-Language": accepted})
    link = await share(gateway)
    page = await gateway.http.get(link + query, headers=BROWSER | {"Accept-Language": accepted})
    assert f'<html lang="{tag}" dir="{direction}">' in page.text
    assert page.headers["content-language"] == tag
    for text in words:
        assert text in page.text, text
    assert "$" not in page.text
    assert ("&amp;lang=ja" in page.text) == (query != ""), "the studio opens in the language that was chosen"
    assert gone.status_code == 404
    assert f'<html lang="{tag}" dir="{direction}">' in gone.text
    assert "$" not in gone.text
