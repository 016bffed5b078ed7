"""Types of settings: addresses, secrets, origins, networks, paths; each says what it must be."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

_PLACEHOLDER = "change-me"
_PORTS = {"http": 80, "https": 443}
# First parts of the gateway's own paths: a prefix that begins like one could not be told from it.
_OWN_PATHS = ("v1", "static", "shared", "healthz", "readyz", "livez", "openapi.json")


def _check_address(text: str) -> str:
    if not _is_address(text):
        raise ValueError("must be host:port")
    return text


def _check_store(text: str) -> str:
    if text and not text.startswith(("file:", "memory:", "s3://", "s3+http://")):
        raise ValueError("must be file:FOLDER, memory: or s3://HOST[:PORT]/BUCKET")
    return text


def _check_proxy(text: str) -> str:
    """Accepts HTTP proxies only: behind another kind the URL policy could not see where a connection leads."""
    is_http = text.startswith(("http://", "https://")) and _is_address(text.partition("://")[2].rstrip("/"))
    if text and not is_http:
        raise ValueError("must be http://HOST:PORT or https://HOST:PORT")
    return text


def _check_base_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be the base address of a server, such as http://127.0.0.1:8880/v1")
    return text.rstrip("/")


def _check_issuer(text: str) -> str:
    url = _check_base_url(text)
    if url.startswith("http://") and not is_loopback(f"{urlsplit(url).hostname}:0"):
        raise ValueError(
            "must begin with https://, because whoever answers in the issuer's place could sign for anyone"
        )
    return url


def _check_service_key(text: str) -> str:
    if text and len(text) < 32:
        raise ValueError("must have at least 32 characters, the same for all services")
    return _check_secret(text)


def _check_secret(text: str) -> str:
    """Refuses what examples hold in place of a secret: whoever reads the example knows it."""
    if _PLACEHOLDER in text.lower():
        raise ValueError(
            "is an example's placeholder; choose a secret of your own, such as `openssl rand -hex 32` makes"
        )
    return text


def _check_origins(text: str) -> str:
    """Origins as browsers send them, with commas: `https://music.example.com`, without a path and without the scheme's own port."""
    origins = []
    for origin in filter(None, (part.strip().lower().rstrip("/") for part in text.split(","))):
        parts = urlsplit(origin)
        is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
        if parts.scheme not in _PORTS or not parts.hostname or not is_bare:
            raise ValueError("must be origins with commas, such as https://music.example.com, without a path")
        is_usual = parts.port in (None, _PORTS[parts.scheme])
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        origins.append(f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{parts.port}")
    return ",".join(origins)


def _check_networks(text: str) -> str:
    """IP addresses and networks, with commas."""
    networks = [part.strip() for part in text.split(",") if part.strip()]
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise ValueError("must be IP addresses or networks with commas, such as 127.0.0.1,10.0.0.0/8") from None
    return ",".join(networks)


def _check_path_prefix(text: str) -> str:
    prefix = text.rstrip("/")
    is_path = re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", prefix) and ".." not in prefix.split("/")
    if not is_path or prefix.split("/")[1:2] in ([name] for name in _OWN_PATHS):
        raise ValueError(f"must be a path such as /music, and begin with none of {', '.join(_OWN_PATHS)}")
    return prefix


def _check_engine(text: str) -> str:
    parts = urlsplit(text)
    is_whole = parts.scheme in ("temporal", "temporal+tls") and _is_address(parts.netloc) and parts.path.count("/") <= 1
    if text and not (is_whole and not parts.query and "@" not in parts.netloc):
        raise ValueError("must be temporal://HOST:PORT/NAMESPACE or temporal+tls://HOST:PORT/NAMESPACE")
    return text


def _expand_home(folder: Path) -> Path:
    """Leaves `~` where this user has no home folder; a process that needs the folder says so when it opens it."""
    try:
        return folder.expanduser()
    except RuntimeError:
        return folder


def _is_address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isdigit() and int(port) < 65536)


def is_loopback(address: str) -> bool:
    return address.rpartition(":")[0].strip("[]") in {"127.0.0.1", "localhost", "::1"}


def _read_target(value: object) -> object:
    """`off` is no levelling."""
    return None if isinstance(value, str) and value.lower() in {"off", "none"} else value


BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
Address = Annotated[str, AfterValidator(_check_address)]
OptionalAddress = Annotated[str, AfterValidator(lambda text: text and _check_address(text))]
Folder = Annotated[Path, AfterValidator(_expand_home)]
Engine = Annotated[str, AfterValidator(_check_engine)]
File = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
Flag = Annotated[bool, BeforeValidator(lambda value: value or False)]  # an empty variable is false
Issuer = Annotated[str, AfterValidator(_check_issuer)]
Networks = Annotated[str, AfterValidator(_check_networks)]
Origins = Annotated[str, AfterValidator(_check_origins)]
PathPrefix = Annotated[str, AfterValidator(_check_path_prefix)]
Proxy = Annotated[str, AfterValidator(_check_proxy)]
Secret = Annotated[str, AfterValidator(_check_secret)]
ServiceKey = Annotated[str, AfterValidator(_check_service_key)]
Threads = Literal["auto"] | Annotated[int, Field(ge=1, le=256)]
Store = Annotated[str, AfterValidator(_check_store)]
Target = Annotated[Annotated[float, Field(ge=-40.0, le=-8.0)] | None, BeforeValidator(_read_target)]
