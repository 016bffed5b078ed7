"""Which addresses may be fetched: checked when a link comes in, and again at every connection that is really made.

A name is checked where it is used. Whatever a host resolves to, and wherever it redirects, the address that a socket is
about to connect to is looked at by an audit hook, in the process that connects: no second resolution can differ.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Any
from urllib.parse import SplitResult, urlsplit

from resonance.errors import InvalidInput, invalid_field
from resonance.settings import Settings

# Addresses that hold another inside: 6to4, NAT64. Nobody serves music from them.
_WRAPPED = tuple(ipaddress.ip_network(text) for text in ("2002::/16", "64:ff9b::/96", "64:ff9b:1::/48"))
# What yt-dlp may start: runtimes for a site's own JavaScript. Never ffmpeg, never a downloader.
_PROGRAMS = frozenset({"deno", "node", "bun", "qjs"})


class AddressRefused(OSError):
    """A connection to an address that is not public."""


def check_url(url: str, settings: Settings) -> None:
    """Checks a stranger's link before anything is done with it.

    Raises:
        InvalidInput: naming `url`: MALFORMED_URL, SCHEME_NOT_ALLOWED, CREDENTIALS_IN_URL, HOST_NOT_ALLOWED or
            PRIVATE_ADDRESS.
    """
    parts = _split(url)
    if parts.scheme not in ("http", "https"):
        raise invalid_field("url", "SCHEME_NOT_ALLOWED", "only http and https links can be read")
    if parts.username is not None or parts.password is not None:
        raise invalid_field("url", "CREDENTIALS_IN_URL", "a link must not carry a user name or a password")
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise invalid_field("url", "MALFORMED_URL", "the link names no host")
    _check_literal(host, settings)
    if not settings.allow_generic_sources and not is_listed(host, settings):
        raise invalid_field(
            "url",
            "HOST_NOT_ALLOWED",
            f"links to {host} are not read here; YouTube links are, and any audio file can be uploaded",
        )


def is_listed(host: str, settings: Settings) -> bool:
    """Whether the host, or a domain that it belongs to, is on the operator's list."""
    listed = [each.strip().lower() for each in settings.source_hosts.split(",") if each.strip()]
    return any(host == each or host.endswith("." + each) for each in listed)


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet could mean."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if any(found in network for network in _WRAPPED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def guard_process(*, allow_private: bool, proxy: str = "") -> None:
    """From here on this process connects to public addresses only, and starts no program but JavaScript runtimes.

    With an operator's proxy it connects to that alone, and what it asks the proxy for is checked in its place: every
    request line, so also every redirect. It cannot be undone: audit hooks cannot be removed.
    """
    proxies = _addresses_of(proxy)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto"):
            if proxies:
                _check_proxied(arguments[-1], proxies)
            else:
                _check_connection(arguments[-1], allow_private=allow_private)
        elif event == "http.client.send" and proxies and not allow_private:
            _check_asked(arguments[-1])
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            _check_program(os.fsdecode(arguments[0]))
        elif event == "os.system":
            raise PermissionError("no shell is started here")

    sys.addaudithook(hook)


def _addresses_of(proxy: str) -> frozenset[tuple[str, int]]:
    """Every address of the proxy, looked up once, before the guard stands."""
    if not proxy:
        return frozenset()
    parts = urlsplit(proxy)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    return frozenset((str(each[4][0]), port) for each in found)


def _check_proxied(address: Any, proxies: frozenset[tuple[str, int]]) -> None:
    if not isinstance(address, tuple) or (str(address[0]), address[1]) not in proxies:
        raise AddressRefused("only the proxy is spoken to here")


def _check_asked(sent: Any) -> None:
    """Looks at what a proxy is asked for: `CONNECT host:port`, or `GET http://host/...`. Bodies are not asked of it."""
    if not isinstance(sent, bytes | bytearray):
        return
    line = bytes(sent[:8192]).partition(b"\r\n")[0].split(b" ")
    if len(line) != 3 or not line[2].startswith(b"HTTP/"):
        return
    target = line[1].decode("latin-1")
    if line[0] == b"CONNECT":
        _check_host(urlsplit("//" + target).hostname)
    elif "://" in target:
        _check_host(urlsplit(target).hostname)


def _check_host(host: str | None) -> None:
    """Refuses what is not public, and what cannot be looked up here: then nobody knows where the proxy would go."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"failed to resolve {host}") from None
    for each in found:
        if not is_public(str(each[4][0])):
            raise AddressRefused(f"{each[4][0]} is not a public address")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise invalid_field("url", "MALFORMED_URL", "this is not a link") from None
    if any(character.isspace() or character in "\\" or not character.isprintable() for character in url.strip()):
        raise invalid_field("url", "MALFORMED_URL", "a link has no spaces, backslashes or control characters in it")
    return parts


def _check_literal(host: str, settings: Settings) -> None:
    """Refuses private addresses in any spelling that a resolver would take for one: 127.1, 0x7f000001, 2130706433."""
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        try:
            address = socket.inet_ntoa(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return  # a name: it is checked where it is used
    if not is_public(address) and not settings.allow_private_addresses:
        raise _private(host)


def _private(host: str) -> InvalidInput:
    return invalid_field("url", "PRIVATE_ADDRESS", f"{host} is not a public address")


def _check_connection(address: Any, *, allow_private: bool) -> None:
    if not isinstance(address, tuple):
        raise AddressRefused("only the internet is spoken to here")
    if not allow_private and not is_public(str(address[0])):
        raise AddressRefused(f"{address[0]} is not a public address")


def _check_program(path: str) -> None:
    name = os.path.basename(path)
    if name not in _PROGRAMS:
        raise PermissionError(f"{name} is not started here")
