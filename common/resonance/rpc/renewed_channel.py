"""Renewed channel: a TLS channel that is opened anew when the files of its TLS folder change.

gRPC's client credentials cannot be changed. So calls that begin after a change go over another channel, and the one
before is closed when its last call has ended: no stream is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from resonance.rpc.tls import TlsFiles, TlsFolder

Connect = Callable[[TlsFiles], grpc.aio.Channel]


class RenewedChannel:
    """The part of `grpc.aio.Channel` that stubs use, over one channel for each state of the TLS folder."""

    def __init__(self, folder: TlsFolder, connect: Connect) -> None:
        self._folder = folder
        self._connect = connect
        self._link = _Link(folder.current(), connect)
        self._retired: set[_Link] = set()

    def unary_unary(self, *arguments: Any, **named: Any) -> Any:
        return self._method("unary_unary", arguments, named)

    def unary_stream(self, *arguments: Any, **named: Any) -> Any:
        return self._method("unary_stream", arguments, named)

    def stream_unary(self, *arguments: Any, **named: Any) -> Any:
        return self._method("stream_unary", arguments, named)

    def stream_stream(self, *arguments: Any, **named: Any) -> Any:
        return self._method("stream_stream", arguments, named)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._current().channel.get_state(try_to_connect)

    async def channel_ready(self) -> None:
        await self._current().channel.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Closes the channel, and the retired ones with their calls."""
        await asyncio.gather(*(link.channel.close(grace) for link in (self._link, *self._retired)))

    def _current(self) -> _Link:
        if (files := self._folder.current()) is not self._link.files:
            before, self._link = self._link, _Link(files, self._connect)
            self._retired.add(before)
            before.close_when_idle(self._retired.discard)
        return self._link

    def _method(self, kind: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[..., Any]:
        def begin(*call_arguments: Any, **call_named: Any) -> Any:
            link = self._current()
            return link.begin(link.method(kind, arguments, named), call_arguments, call_named)

        return begin


class _Link:
    """One channel, with the count of its calls."""

    def __init__(self, files: TlsFiles, connect: Connect) -> None:
        self.files = files
        self.channel = connect(files)
        self._methods: dict[object, Any] = {}
        self._call_count = 0
        self._on_closed: Callable[[_Link], None] | None = None
        self._closing: asyncio.Task[None] | None = None

    def method(self, kind: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        key = kind, arguments[0]
        if key not in self._methods:
            self._methods[key] = getattr(self.channel, kind)(*arguments, **named)
        return self._methods[key]

    def begin(self, method: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        call = method(*arguments, **named)
        self._call_count += 1
        call.add_done_callback(self._end_call)
        return call

    def close_when_idle(self, on_closed: Callable[[_Link], None]) -> None:
        self._on_closed = on_closed
        self._close_if_idle()

    def _end_call(self, _call: object) -> None:
        self._call_count -= 1
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._on_closed is not None and self._closing is None and not self._call_count:
            self._closing = asyncio.create_task(self._close(self._on_closed), name="close of a retired channel")

    async def _close(self, on_closed: Callable[[_Link], None]) -> None:
        await self.channel.close()
        on_closed(self)
