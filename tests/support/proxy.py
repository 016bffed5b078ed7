"""Loopback HTTP proxy, as of an operator, that records requests."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy:
    """A recording proxy. `answers` maps whole URLs to redirects; other URLs are fetched."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.redirects: dict[str, str] = {}


@contextmanager
def serve_proxy() -> Iterator[Proxy]:
    """Serves until the context ends."""
    proxy = Proxy()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.asked.append(self.path)
            if self.path in proxy.redirects:
                self.send_response(302)
                self.send_header("Location", proxy.redirects[self.path])
                self.end_headers()
                return
            with direct.open(self.path, timeout=10) as answer:
                content = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
