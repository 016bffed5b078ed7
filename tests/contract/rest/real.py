"""The whole system in a thread, with a tiny model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.prepared import prepare_sliders

from resonance.settings import Settings
from resonance_app.all_in_one import all_in_one

if TYPE_CHECKING:
    from resonance_model.loaded_model import LoadedModel

_STARTS_WITHIN_S = 60.0


@contextmanager
def real_system(
    model_folder: Path, data_dir: Path, *, prepared_for: LoadedModel | None = None, **changes: Any
) -> Iterator[str]:
    """Yields the gateway's URL; the system ends with the context.

    With `prepared_for`, the model of the folder, random sliders are in the store, and the start computes none.
    """
    settings = Settings(
        http_addr="127.0.0.1:0", grpc_addr="127.0.0.1:0", data_dir=data_dir, model=str(model_folder), drain_s_max=1
    )
    adoption = "off" if prepared_for is not None else "auto"
    settings = settings.model_copy(update={"adoption": adoption, **changes})
    urls: list[str] = []
    started = threading.Event()
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        async with all_in_one(settings) as running:
            urls.append(running.http_url)
            stop = asyncio.Event()
            stopping.append((asyncio.get_running_loop(), stop))
            started.set()
            await stop.wait()

    def serve() -> None:
        if prepared_for is not None:
            prepare_sliders(settings, prepared_for)
        asyncio.run(run())

    thread = threading.Thread(target=serve, name="system")
    thread.start()
    try:
        assert started.wait(_STARTS_WITHIN_S), "the system did not start"
        yield urls[0]
    finally:
        for loop, stop in stopping:
            loop.call_soon_threadsafe(stop.set)
        thread.join(_STARTS_WITHIN_S)
