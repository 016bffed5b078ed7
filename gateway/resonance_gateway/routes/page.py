"""The page and its static files."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).resolve().parent.parent / "static"


async def page(request: Request) -> Response:
    """`/`."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


class PageFiles(StaticFiles):
    """`/static/`. Browsers revalidate every file, so that one page never mixes scripts of two versions."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response
