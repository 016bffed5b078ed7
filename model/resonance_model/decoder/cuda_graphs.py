"""CUDA graphs: capture and replay of work over fixed buffers.

Devices without graphs call the work again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

Work = Callable[[], None]
# cuBLAS, cuDNN and the allocator initialise in the first calls, which a graph may not contain.
_WARMUPS = 2


class GraphRecorder(Protocol):
    """Makes a replay of work that reads and writes buffers which never move."""

    def __call__(self, work: Work) -> Work:
        """A function that repeats the work on the buffers' present contents. The work itself may run here, and must do no harm."""
        ...


def run_eagerly(work: Work) -> Work:
    """The work itself, for devices without graphs: each call issues its operations anew."""
    return work


class CudaGraphs:
    """Captures work as CUDA graphs, which one call launches as a whole. All graphs share one memory pool.

    Sharing is safe because graphs are launched one after the other on one stream, and nothing of a step but its fixed buffers is read
    afterwards.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._stream = torch.cuda.Stream()
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        """A replay of the work. Raises torch.OutOfMemoryError where the GPU has too little memory."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device):
            current = torch.cuda.current_stream()
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                for _ in range(_WARMUPS):
                    work()
            # Another thread (extraction in the all-in-one process) may use the device meanwhile: only this thread's calls may fail capture.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                work()
            current.wait_stream(self._stream)

        def replay() -> None:
            with torch.cuda.device(self._device):
                graph.replay()

        return replay
