"""Access to S3: TLS with an authority of one's own, and keys of a web identity that are renewed before they end."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from support.certificates import write_tls
from support.s3 import ACCESS_KEY, SECRET_KEY, free_ports

from resonance.errors import InvalidInput, Unavailable
from resonance.settings import Settings
from resonance.store import open_store
from resonance.store.s3 import S3Store

XML = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken></SessionToken><Expiration>{ends}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


class Sts:
    """An STS on loopback that gives the S3 server's keys for the token `good`, for a minute."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.lasts_s = 60
        sts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                sts.asked.append(asked)
                is_good = asked["WebIdentityToken"].startswith("good")
                ends = (datetime.now(UTC) + timedelta(seconds=sts.lasts_s)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                self.send_response(200 if is_good else 403)
                self.end_headers()
                self.wfile.write(XML.format(key=ACCESS_KEY, secret=SECRET_KEY, ends=ends).encode())

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def sts() -> Iterator[Sts]:
    running = Sts()
    Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield running
    running.server.shutdown()
    running.server.server_close()


def settings_of(s3_settings: Settings, sts: Sts, file: Path, **more: Any) -> Settings:
    return Settings(
        store=s3_settings.store,
        s3_identity_token_file=file,
        s3_sts_url=sts.url,
        s3_role_arn="arn:aws:iam::1:role/r",
        **more,
    )


async def test_keys_come_from_the_sts_once_and_again_with_the_renewed_token_before_they_end(
    s3_settings: Settings, sts: Sts, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("good-1\n")
    store = await open_store(settings_of(s3_settings, sts, file))
    for number in range(3):
        await store.put(f"lists/{number}", b"x")
    assert [asked["WebIdentityToken"] for asked in sts.asked] == ["good-1"]
    assert (sts.asked[0]["Action"], sts.asked[0]["RoleArn"]) == (
        "AssumeRoleWithWebIdentity",
        "arn:aws:iam::1:role/r",
    )
    await store.close()
    sts.lasts_s = 5  # less than the ten seconds for which the library renews keys beforehand
    store = await open_store(settings_of(s3_settings, sts, file))
    file.write_text("good-2\n")
    await store.put("lists/x", b"x")
    assert sts.asked[-1]["WebIdentityToken"] == "good-2"
    await store.close()


async def test_a_token_that_is_refused_or_missing_is_told_without_the_token(
    s3_settings: Settings, sts: Sts, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("secret-of-the-workload")
    with pytest.raises(Unavailable) as caught:
        await open_store(settings_of(s3_settings, sts, file))
    assert "gave no keys for RESONANCE_S3_IDENTITY_TOKEN_FILE" in caught.value.message
    assert "secret-of-the-workload" not in repr(caught.value) + repr(caught.value.__context__)
    with pytest.raises(Unavailable, match="No such file"):
        await open_store(settings_of(s3_settings, sts, tmp_path / "none"))


async def test_two_kinds_of_credentials_at_once_are_refused(s3_settings: Settings, sts: Sts, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="RESONANCE_S3_STS_URL"):
        await open_store(settings_of(s3_settings, sts, tmp_path / "token", s3_access_key="k"))


async def test_a_session_token_goes_with_every_request_and_the_region_into_the_signature(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    store = S3Store(
        endpoint=f"127.0.0.1:{server.server_port}",
        bucket="b-1",
        access_key="k",
        secret_key="s",
        secure=False,
        session_token="the-session",
        region="eu-central-1",
    )
    await store.check()
    await store.close()
    server.shutdown()
    server.server_close()
    assert [each["x-amz-security-token"] for each in seen] == ["the-session"]
    assert "/eu-central-1/s3/aws4_request" in seen[0]["authorization"]


async def test_a_server_with_a_certificate_of_ones_own_authority_is_trusted_by_its_file_alone(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    authority = trustme.CA()
    folder = write_tls(tmp_path / "tls", authority)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    options: dict[str, Any] = {
        "endpoint": f"127.0.0.1:{port}",
        "bucket": "b-1",
        "access_key": "k",
        "secret_key": "s",
        "secure": True,
        "region": "us-east-1",
    }
    trusting, wary = S3Store(**options, ca_file=folder / "ca.crt"), S3Store(**options)
    await trusting.check()
    with pytest.raises(Unavailable):
        await wary.check()
    for store in (trusting, wary):
        await store.close()
    server.shutdown()
    server.server_close()
