"""Addresses and folders of a process, refused in one sentence that names the setting."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path

_CAUSES = {
    errno.EADDRINUSE: "it is taken",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen there",
    errno.ENOENT: "there is no such folder, and it cannot be made",
    errno.EROFS: "the disk is read-only",
    errno.ENOSPC: "the disk is full",
    errno.ENOTDIR: "a part of it is a file",
}


def bind_socket(address: str, *, setting: str) -> socket.socket:
    """A TCP socket bound to `host:port`, which does not listen yet. The caller closes it.

    Raises:
        OSError: in a sentence that names the setting.
    """
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise OSError(_sentence("listen on", address, "there is no such host name", setting)) from None
    family, kind, protocol, _, place = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
    except OSError as failure:
        sock.close()
        raise OSError(_sentence("listen on", address, _cause(failure), setting)) from None
    return sock


def check_address(address: str, *, setting: str) -> None:
    """Raises OSError, in a sentence that names the setting, where nothing can listen on `host:port` now."""
    with bind_socket(address, setting=setting) as sock:
        if not address.endswith(":0"):
            try:
                sock.listen(1)  # a socket that is bound twice is refused here
            except OSError as failure:
                raise OSError(_sentence("listen on", address, _cause(failure), setting)) from None


def prepare_folder(folder: Path, *, setting: str) -> Path:
    """The folder, made where it is missing.

    Raises:
        OSError: it cannot be made or written to, in a sentence that names the setting.
    """
    if str(folder).startswith("~"):
        raise OSError(_sentence("write to", str(folder), "this user has no home folder", setting))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as failure:
        if failure.errno == errno.ENOSPC:  # a full disk can still be read; what writes says so
            return folder
        raise OSError(_sentence("write to", str(folder), _cause(failure), setting)) from None
    return folder


def _cause(failure: OSError) -> str:
    number = failure.errno or 0
    if number == errno.EACCES and failure.filename:
        return "this user may not"
    return _CAUSES.get(number, os.strerror(number) if number else str(failure))


def _sentence(verb: str, place: str, cause: str, setting: str) -> str:
    return f"cannot {verb} {place}: {cause}; name another place with {setting}"
