"""Loopback web site: files, feed, players, redirects, broken responses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Responses by path: bytes with a type, a status, or a redirect. `asked` has the requests."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        self.dripping: set[str] = set()
        self.asked: list[str] = []
        self.cuts: dict[str, int] = {}  # so many responses break half way; ranges are honoured
        self.ranges: list[str] = []
        self.url = ""

    def add(self, path: str, content: bytes, kind: str = "audio/mpeg") -> str:
        self.pages[path] = (kind, content)
        return self.url + path

    def feed(self, path: str, titles: dict[str, str]) -> str:
        """A podcast feed whose enclosures are `titles`: title -> path of the file."""
        items = "".join(
            f'<item><title>{title}</title><enclosure url="{self.url}{file}" type="audio/mpeg"/></item>'
            for title, file in titles.items()
        )
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>The feed</title>{items}</channel></rss>'
        return self.add(path, text.encode(), "application/rss+xml")

    def player_page(self, path: str, files: list[str]) -> str:
        """A page with one player for each file."""
        players = "".join(f'<audio src="{self.url}{file}" controls></audio>' for file in files)
        text = f"<html><head><title>The page</title></head><body>{players}</body></html>"
        return self.add(path, text.encode(), "text/html")


@contextmanager
def serve_site() -> Iterator[Site]:
    """Serves until the context ends."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            return

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            site.asked.append(path)
            if path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[path])
                self.end_headers()
                return
            kind, content = site.pages.get(path, ("text/plain", b"nothing here"))
            status = site.statuses.get(path, 200 if path in site.pages else 404)
            asked = self.headers.get("Range", "")
            if path in site.cuts and asked.startswith("bytes="):
                site.ranges.append(asked)
                start, whole, status = int(asked[6:].partition("-")[0]), len(content), 206
                content = content[start:]
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.send_header("Content-Type", kind)
            if path not in site.dripping:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if with_body and site.cuts.get(path):
                site.cuts[path] -= 1
                self._send(content[: max(1, len(content) // 2)], slowly=False)
                self.close_connection = True
            elif with_body:
                self._send(content, slowly=path in site.dripping)

        def _send(self, content: bytes, *, slowly: bool) -> None:
            try:
                for at in range(0, len(content), 4096):
                    self.wfile.write(content[at : at + 4096])
                    if slowly:
                        time.sleep(0.05)
            except OSError:
                return  # the client disconnected

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
