"""Page behind a share link: figure, name, player, words, and a way to make one's own. It works without script."""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlencode

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from resonance.errors import NotFound
from resonance.wishes.refinement import LABELS
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.operations import operation
from resonance_gateway.services.figure import draw_figure, to_png
from resonance_gateway.services.languages import TAGS, Language, choose_language
from resonance_gateway.services.shared_piece import SharedPiece, read_shared_piece

_FOLDER = Path(__file__).resolve().parent.parent / "static/shared"
_PAGE = Template((_FOLDER / "page.html").read_text())
_GONE = Template((_FOLDER / "gone.html").read_text())
# Texts that are filled with a number of their own.
_COUNTED = ("shared.seconds", "shared.minutes")
_SECONDS_MAX = 90
_TINY = 1e-9
# The size that previews of links have (Open Graph: 1.91 to 1).
_PICTURE = (600, 315)
# The preview of a link may be fetched by any site; the token is the credential.
_HEADERS = {"X-Robots-Tag": "noindex", "Cache-Control": "private, no-store", "Vary": "Accept, Accept-Language"}
_PICTURE_HEADERS = _HEADERS | {"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*"}


def wants_page(request: Request) -> bool:
    """True where a browser opens the link itself: it asks for HTML, and names no format of sound."""
    return "text/html" in request.headers.get("accept", "") and "format" not in request.query_params


async def send_page(request: Request, token: str) -> Response:
    """The page; with status 404 where the link does not work any more."""
    root = own_path(request, "/")
    language = choose_language(request.query_params.get("lang"), request.headers.get("accept-language"))
    try:
        piece = await read_shared_piece(get_services(request), token)
    except NotFound:
        gone = {"root": root} | _texts_of(language)
        page = _GONE.safe_substitute({name: escape(text) for name, text in gone.items()})
        return HTMLResponse(page, status_code=404, headers=_HEADERS | {"Content-Language": language.tag})
    link = own_path(request, f"/shared/{token}")
    name, length = piece.words or language.text("shared.unnamed"), _length_of(language, piece.duration_s)
    filled = _texts_of(language, length) | {
        "root": root,
        "name": name,
        "quoted": language.text("quoted", text=name),
        "length": length,
        "made_by": piece.made_by,
        "sound": f"{link}?format=mp3",
        "file": f"{link}?format=wav",
        "picture": f"{link}/picture.png",
        "picture_address": f"{request.url.scheme}://{request.url.netloc}{link}/picture.png",
        "own": f"{root}?{urlencode(_wish_of(piece) | _choice_of(request))}",
    }
    texts = {name: escape(text) for name, text in filled.items()}
    page = _PAGE.substitute(texts, sliders=_list_sliders(language, piece))
    return HTMLResponse(page, headers=_HEADERS | {"Content-Language": language.tag})


class SharedPictureEndpoint(HTTPEndpoint):
    """`/shared/{token}/picture.png`."""

    @operation(
        summary="The picture of a shared piece, for previews of its link",
        tag="takes",
        any_query=True,
        responses={200: ("The picture", "image/png", {"type": "string", "format": "binary"})},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        piece = await read_shared_piece(get_services(request), request.path_params["token"])
        pixels = await asyncio.to_thread(draw_figure, piece.figure, *_PICTURE)
        data = await asyncio.to_thread(to_png, pixels)
        return Response(data, media_type="image/png", headers=_PICTURE_HEADERS)


def _wish_of(piece: SharedPiece) -> dict[str, str]:
    """The query from which the studio takes over words and sliders."""
    return {"words": piece.words} | {name: f"{value:g}" for name, value in piece.sliders.items() if name in LABELS}


def _choice_of(request: Request) -> dict[str, str]:
    """The language that the address of this page names, for the studio behind its button."""
    wanted = request.query_params.get("lang", "")
    return {"lang": wanted} if wanted in TAGS else {}


def _texts_of(language: Language, length: str = "") -> dict[str, str]:
    """The texts of the pages by the names in their templates, where a key's point is an underscore."""
    keys = [key for key in language.texts if key.startswith("shared.") and key not in _COUNTED]
    texts = {key.replace(".", "_"): language.text(key, length=length) for key in keys}
    return texts | {"lang": language.tag, "dir": language.direction}


def _list_sliders(language: Language, piece: SharedPiece) -> str:
    items = [
        f"<li>{escape(_in_words(language, name, value))}</li>"
        for name, value in piece.sliders.items()
        if name in LABELS
    ]
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _in_words(language: Language, name: str, value: float) -> str:
    """A slider's position in the words of the page, whose script has the same limits: "slightly more bass"."""
    degree = sum(abs(value) >= limit for limit in (0.05, 0.35 + _TINY, 0.7 + _TINY))
    return language.all(f"slider.{name}.values")[3 + (degree if value > 0 else -degree)]


def _length_of(language: Language, seconds: float) -> str:
    if seconds < _SECONDS_MAX:
        return language.text("shared.seconds", count=round(seconds))
    return language.text("shared.minutes", count=round(seconds / 60))
