"""Real proxies before a gateway: nginx, Caddy and Traefik, by the examples in `deploy/proxy`."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "proxy"
UPSTREAM, CERTIFICATE, KEY = "127.0.0.1:8000", "/etc/ssl/music.pem", "/etc/ssl/music.key"
_READY_S_MAX = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A running proxy: where it listens, the name that it serves, and the path of the page."""

    port: int
    host: str
    page: str

    @property
    def origin(self) -> str:
        """The origin as a browser sends it, for which the proxy stands at port 443."""
        return f"https://{self.host}"


def make_certificate(folder: Path) -> Path:
    """A self-made certificate for both names of the examples: `music.pem` and `music.key` in the folder."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "2", "-subj", "/CN=example.com"),
            *("-addext", "subjectAltName=DNS:example.com,DNS:music.example.com"),
            *("-keyout", str(folder / "music.key"), "-out", str(folder / "music.pem")),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@contextmanager
def run_proxy(kind: str, layout: str, gateway: str, folder: Path) -> Iterator[Proxy]:
    """The proxy by its example, with other ports and paths of files; skips where its program is missing."""
    program = shutil.which(kind) or shutil.which(kind, path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{kind} is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    suffix = {"nginx": ".conf", "traefik": ".yaml"}.get(kind, "")
    text = (EXAMPLES / f"{'Caddyfile' if kind == 'caddy' else kind}-{layout}{suffix}").read_text()
    assert UPSTREAM in text
    text = text.replace(UPSTREAM, gateway.removeprefix("http://"))
    text = text.replace(CERTIFICATE, str(folder / "music.pem")).replace(KEY, str(folder / "music.key"))
    host = "example.com" if layout == "subpath" else "music.example.com"
    command = {"nginx": _nginx, "caddy": _caddy, "traefik": _traefik}[kind](program, text, folder, host, port)
    log = (folder / f"{kind}-{layout}.log").open("w+b")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        proxy = Proxy(port=port, host=host, page="/music/" if layout == "subpath" else "/")
        _wait_until_ready(process, proxy, Path(log.name))
        yield proxy
    finally:
        process.kill()  # a proxy would wait for connections that the tests' clients keep open
        process.wait(20)
        log.close()


def _nginx(program: str, text: str, folder: Path, host: str, port: int) -> list[str]:
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    site = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    whole = f"daemon off; master_process off; pid {folder}/{port}.pid; events {{}} http {{ access_log off; {temporary} {site} }}"
    (folder / f"{port}.conf").write_text(whole)
    return [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / f"{port}.conf")]


def _caddy(program: str, text: str, folder: Path, host: str, port: int) -> list[str]:
    own = f"https://{host}:{port} {{\n\tbind 127.0.0.1\n\ttls {folder}/music.pem {folder}/music.key\n"
    site = text.replace(f"\n{host} {{\n", f"\n{own}")
    assert own in site
    (folder / f"{port}.caddy").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    return [program, "run", "--adapter", "caddyfile", "--config", str(folder / f"{port}.caddy")]


def _traefik(program: str, text: str, folder: Path, host: str, port: int) -> list[str]:
    (folder / f"{port}.yaml").write_text(text)
    return [
        program,
        f"--entryPoints.websecure.address=127.0.0.1:{port}",
        f"--providers.file.filename={folder}/{port}.yaml",
        "--log.level=ERROR",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    ]


def _wait_until_ready(process: subprocess.Popen[bytes], proxy: Proxy, log: Path) -> None:
    """Waits until the proxy delivers the page: a proxy listens, and answers 404 or 502, before it knows its routes."""
    until_s = time.monotonic() + _READY_S_MAX
    while time.monotonic() < until_s and process.poll() is None:
        try:
            with (
                socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as plain,
                trusting().wrap_socket(plain, server_hostname=proxy.host) as tls,
            ):
                tls.sendall(f"GET {proxy.page} HTTP/1.1\r\nHost: {proxy.host}\r\nConnection: close\r\n\r\n".encode())
                if tls.recv(64).split(b" ")[1:2] == [b"200"]:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the proxy did not start:\n{log.read_text()}")


def trusting() -> ssl.SSLContext:
    """TLS that takes any certificate, for the self-made one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
