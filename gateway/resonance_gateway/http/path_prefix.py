"""Path prefix: the gateway below a folder of another site, such as `/music`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class PathPrefix:
    """Serves all paths below the prefix, whether the proxy before it takes the prefix away or leaves it in the path.

    Inside, the prefix is the scope's `root_path` and stands in `path`, as ASGI says; Starlette's routes leave it out.
    """

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._prefix or scope["type"] not in {"http", "websocket"}:
            return await self._app(scope, receive, send)
        path = scope["path"]
        if path == self._prefix and scope["type"] == "http":
            return await RedirectResponse(f"{self._prefix}/", 308)(scope, receive, send)
        if not path.startswith(f"{self._prefix}/"):
            path = self._prefix + path
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": self._prefix}
        return await self._app(inner, receive, send)


def bare_path(scope: Mapping[str, Any]) -> str:
    """The path below the prefix."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def own_path(connection: HTTPConnection, path: str) -> str:
    """A path of this server as a client on the other side of the proxy must ask for it."""
    return f"{connection.scope.get('root_path', '')}{path}"
