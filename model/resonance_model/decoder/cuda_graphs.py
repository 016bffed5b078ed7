"""How a step over fixed buffers is kept for repeating: as a CUDA graph on a GPU, and as the run_eagerly call elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

Work = Callable[[], None]
# cuBLAS, cuDNN and the allocator set themselves up in the first calls, which a graph may not hold.
_WARMUPS = 2


class GraphRecorder(Protocol):
    """Takes work that reads and writes buffers which never move, and says how to do it again."""

    def __call__(self, work: Work) -> Work:
        """What does the work once more, on whatever the buffers hold then. The work itself may be done here, and must do no harm."""
        ...


def run_eagerly(work: Work) -> Work:
    """The work itself, for devices without graphs: each of its operations is called anew."""
    return work


class CudaGraphs:
    """Records work as CUDA graphs, which one call launches as a whole; all of them share one pool of memory.

    Sharing is safe because graphs are launched one after the other on one stream, and nothing of a step is read after it but its fixed
    buffers.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._stream = torch.cuda.Stream()
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        """A replay of the work. Raises torch.OutOfMemoryError where the GPU has no room."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device):
            current = torch.cuda.current_stream()
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                for _ in range(_WARMUPS):
                    work()
            # Other threads (extraction in the all-in-one process) may use the device meanwhile: only this thread's missteps count.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                work()
            current.wait_stream(self._stream)

        def replay() -> None:
            with torch.cuda.device(self._device):
                graph.replay()

        return replay
