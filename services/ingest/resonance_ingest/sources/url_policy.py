"""URL policy: addresses that may be fetched.

They are checked for every link and again at every connection.

An audit hook checks the address of every socket in the process that connects. So neither a redirect nor a second
resolution of the name can lead to an address that was not checked.
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

# Addresses that embed another one: 6to4, NAT64. No site serves music from them.
_WRAPPED = tuple(ipaddress.ip_network(text) for text in ("2002::/16", "64:ff9b::/96", "64:ff9b:1::/48"))
# Programs that yt-dlp may start: runtimes for a site's JavaScript, but neither ffmpeg nor a downloader.
_PROGRAMS = frozenset({"deno", "node", "bun", "qjs"})


class AddressRefused(OSError):
    """A connection to an address that is not public."""


def check_url(url: str, settings: Settings) -> None:
    """Checks a user's link before it is used.

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
    """True where the operator's list has the host or a domain above it."""
    listed = [each.strip().lower() for each in settings.source_hosts.split(",") if each.strip()]
    return any(host == each or host.endswith("." + each) for each in listed)


def is_public(address: str) -> bool:
    """True for an IP address that is reachable from the whole internet."""
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
    """Restricts this process to connections to public addresses, and to JavaScript runtimes as child programs.

    With an operator's proxy it connects to the proxy alone, and every request line to the proxy is checked instead,
    so also every redirect. It cannot be undone: audit hooks cannot be removed.
    """
    proxies = _resolve_proxy(proxy)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto"):
            if proxies:
                _check_proxied(arguments[-1], proxies)
            else:
                _check_connection(arguments[-1], allow_private=allow_private)
        elif event == "http.client.send" and proxies and not allow_private:
            _check_request_line(arguments[-1])
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            _check_program(os.fsdecode(arguments[0]))
        elif event == "os.system":
            raise PermissionError("no shell is started here")

    sys.addaudithook(hook)


def _resolve_proxy(proxy: str) -> frozenset[tuple[str, int]]:
    """All addresses of the proxy, resolved once before the hook is added."""
    if not proxy:
        return frozenset()
    parts = urlsplit(proxy)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    return frozenset((str(each[4][0]), port) for each in found)


def _check_proxied(address: Any, proxies: frozenset[tuple[str, int]]) -> None:
    if not isinstance(address, tuple) or (str(address[0]), address[1]) not in proxies:
        raise AddressRefused("only connections to the proxy are allowed here")


def _check_request_line(sent: Any) -> None:
    """Checks the request line to a proxy: `CONNECT host:port` or `GET http://host/...`. Other bytes are bodies."""
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
    """Refuses hosts that are not public, and hosts that cannot be resolved here: the proxy's target would be unknown."""
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
    """Refuses private addresses in every spelling that a resolver accepts: 127.1, 0x7f000001, 2130706433."""
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
        raise AddressRefused("only internet connections are allowed here")
    if not allow_private and not is_public(str(address[0])):
        raise AddressRefused(f"{address[0]} is not a public address")


def _check_program(path: str) -> None:
    name = os.path.basename(path)
    if name not in _PROGRAMS:
        raise PermissionError(f"{name} is not started here")
