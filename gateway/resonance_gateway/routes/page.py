"""The page and its static files."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from resonance_gateway.http.path_prefix import own_path

STATIC = Path(__file__).resolve().parent.parent / "static"
_ROOM = Template((STATIC / "rooms" / "room.html").read_text())


async def page(request: Request) -> Response:
    """`/`."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def room_page(request: Request) -> Response:
    """`/rooms/{room_id}`: the page of a room. The token stands in the fragment of the address, which browsers do not send."""
    page = _ROOM.substitute(root=escape(own_path(request, "/")))
    return HTMLResponse(page, headers={"Cache-Control": "no-cache", "X-Robots-Tag": "noindex"})


class PageFiles(StaticFiles):
    """`/static/`. Browsers revalidate every file, so that one page never mixes scripts of two versions."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response
