"""The engine: one thread that owns the model, and a bounded queue before it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog
import torch

from resonance.errors import DeadlineExceeded, NotFound, Overloaded, ResonanceError, Unavailable
from resonance_generate.engine import metrics
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_generate.engine.running_request import RunningRequest
from resonance_generate.engine.scheduler import plan
from resonance_model.decoder.sequence import advance
from resonance_model.decoder.static_batch import StaticBatch
from resonance_model.loaded_model import LoadedModel

_log = structlog.get_logger("engine")
_IDLE_S = 0.02
PAUSE_S_MAX = 60.0
ORDERS_WAITING_MAX = 32


class Engine:
    """Admits jobs to slots, steps the rows of all slots together, and hands their sound to their streams.

    At most `slot_count` jobs run and `queue_places` wait; one more is refused with an estimate of when a place comes free. The thread is
    the only one that touches slots and codec streams; the decoder's weights, which nobody changes, may be shared. With a
    `static_batch` the slots step on it.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        slot_count: int,
        queue_places: int,
        stall_s_max: float,
        static_batch: StaticBatch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self._static_batch = static_batch
        self._slot_count = slot_count
        self._queue_places = queue_places
        self._stall_s_max = stall_s_max
        self._clock = clock
        self._wakeup = threading.Condition()
        self._queue: deque[EngineRequest] = deque()
        self._orders: deque[tuple[EngineRequest, Callable[[RunningRequest], None]]] = deque()
        self._joining: deque[EngineRequest] = deque()
        self._rows: list[RunningRequest] = []
        self._steps_per_s = float(model.description.frame_rate_hz)
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends every stream with Unavailable, and the thread. Blocks until it has ended."""
        with self._wakeup:
            self._is_stopping = True
            self._wakeup.notify()
        self._thread.join()

    def submit(self, job: EngineRequest) -> None:
        """Takes a job on; its stream begins as soon as a slot is free.

        Raises:
            Overloaded: every slot and every place in the queue is taken.
            Unavailable: the engine is stopping.
        """
        with self._wakeup:
            if self._is_stopping:
                raise Unavailable("this service is stopping; another replica will answer", retry_after_s=1.0)
            self._queue = deque(waiting for waiting in self._queue if not waiting.stream.is_closed)
            running = sum(not row.job.stream.is_closed for row in self._rows)
            if running + len(self._joining) + len(self._queue) >= self._slot_count + self._queue_places:
                retry_after_s = self._wait_estimate_s()
                raise Overloaded(
                    f"all {self._slot_count} slots and {self._queue_places} places in the queue are taken; "
                    f"try again in {retry_after_s:.0f} s",
                    reason="QUEUE_FULL",
                    retry_after_s=retry_after_s,
                )
            self._queue.append(job)
            metrics.QUEUE_DEPTH.set(len(self._queue))
            self._wakeup.notify()

    def update(self, job: EngineRequest, params: GenerationParams, on_change: Callable[[int], None]) -> None:
        """Changes a running job's params before its next step; `on_change` gets the first sample that it shapes (engine thread)."""
        self._order(job, lambda row: on_change(row.update(params)))

    def reset(self, job: EngineRequest) -> None:
        """Has a running job go on from silence."""
        self._order(job, RunningRequest.reset)

    def pause(self, job: EngineRequest) -> None:
        """Holds a running job; it keeps its slot for PAUSE_S_MAX seconds."""
        self._order(job, lambda row: row.pause(self._clock()))

    def play(self, job: EngineRequest) -> None:
        """Lets a held job go on."""
        self._order(job, lambda row: row.play(self._clock()))

    def finish(self, job: EngineRequest) -> None:
        """Ends a running job after what has been said."""
        self._order(job, _stop_row)

    @property
    def running_count(self) -> int:
        """Jobs that have a slot."""
        return len(self._rows)

    @property
    def waiting_count(self) -> int:
        """Jobs in the queue."""
        return len(self._queue)

    # --- the thread

    def _run(self) -> None:
        with torch.inference_mode():
            while not self._is_stopping:
                try:
                    self._tick()
                except Exception as failure:
                    _log.error("the engine failed in a step", exc_info=failure)
                    self._end_all(ResonanceError("the engine failed; the log of the service says why"))
        self._end_all(Unavailable("this service is stopping; ask again for the rest", retry_after_s=1.0))

    def _tick(self) -> None:
        self._admit()
        self._obey()
        now_s = self._clock()
        self._drop_stalled(now_s)
        moving = plan(self._rows, now_s)
        if not moving:
            with self._wakeup:
                # Looked at under the lock: a stop that came since `_run` looked has notified nobody, and would be waited for for ever.
                if not self._is_stopping and not self._joining:
                    self._wakeup.wait(_IDLE_S if self._rows or self._queue else None)
            return
        self._step(moving)

    def _step(self, moving: list[RunningRequest]) -> None:
        started_s = self._clock()
        if self._static_batch is not None:
            self._static_batch.assign([row.sequence.slot for row in self._rows])
        for row in moving:
            row.before_step()
        reading = [row for row in moving if row.sequence.needs_prefill]
        if reading:  # one a step: a slice of each at once would be a gap in somebody's live music
            min(reading, key=lambda row: (not row.is_live, row.slack_s(started_s))).read_slice()
        stepping = [row.sequence for row in moving if row.needs_step]
        if stepping:
            advance(self.model.decoder, stepping, self._static_batch)
        now_s = self._clock()
        self._hand_over(moving, now_s)
        self._measure(self._clock() - started_s)
        slacks = [slack_s for row in self._rows if (slack_s := row.slack_s(now_s)) > float("-inf")]
        metrics.SLACK_MIN_SECONDS.set(min(slacks, default=0.0))

    def _hand_over(self, moved: list[RunningRequest], now_s: float) -> None:
        """Decodes chunks that are due: all live ones, and of the others that of the row with least sound in hand. Several at once would be
        a gap in somebody's live music; the rest wait, for a few steps at most."""
        others = 0
        for row in sorted(moved, key=lambda row: (not row.is_live, row.slack_s(now_s))):
            if not row.is_chunk_due or (others and row.keep_chunk()):
                continue
            others += not row.is_live
            row.send_chunk()
            if row.is_finished:
                self._release(row, None)

    def _admit(self) -> None:
        with self._wakeup:
            self._forget_closed()
            # Until its row stands, a job counts among the joining: at no moment is its place free to somebody else.
            while self._queue and len(self._rows) + len(self._joining) < self._slot_count:
                self._joining.append(self._queue.popleft())
            metrics.QUEUE_DEPTH.set(len(self._queue))
        if self._joining:  # one a step, for the same reason
            row = self._begin(self._joining[0])
            with self._wakeup:
                self._rows += [row] if row is not None else []
                self._joining.popleft()
        metrics.SLOTS_TAKEN.set(len(self._rows))

    def _begin(self, job: EngineRequest) -> RunningRequest | None:
        metrics.QUEUE_WAIT_SECONDS.observe(max(0.0, time.monotonic() - job.stream.opened_s))
        try:
            return RunningRequest(job, self.model, self._clock)
        except Exception as failure:
            _log.error("a job could not start", request_id=job.request_id, exc_info=failure)
            job.stream.end(ResonanceError("the take could not start; the log of the service says why"))
            return None

    def _forget_closed(self) -> None:
        """Listeners who left are forgotten before the next step. Called under the lock, on the engine's thread: rows are its alone."""
        self._queue = deque(job for job in self._queue if not job.stream.is_closed)
        self._rows = [row for row in self._rows if not row.job.stream.is_closed]

    def _obey(self) -> None:
        with self._wakeup:
            orders, self._orders = self._orders, deque()
        early: list[tuple[EngineRequest, Callable[[RunningRequest], None]]] = []
        for job, order in orders:
            # By the job itself and not by its id: two callers may use one id at once.
            row = next((row for row in self._rows if row.job is job), None)
            if row is None:
                early.append((job, order))
                continue
            order(row)
            if row.is_stopping:
                row.send_chunk()
                self._release(row, None)
        self._keep_for_later(early)

    def _keep_for_later(self, early: list[tuple[EngineRequest, Callable[[RunningRequest], None]]]) -> None:
        """Orders for jobs that have no rows yet are kept until they have them, before those that came since; those for jobs that have ended
        are forgotten."""
        with self._wakeup:
            waiting = [*self._queue, *self._joining]
            kept = [one for one in early if any(job is one[0] for job in waiting)]
            self._orders.extendleft(reversed(kept))

    def _drop_stalled(self, now_s: float) -> None:
        for row in list(self._rows):
            if row.paused_since_s is not None and now_s - row.paused_since_s > PAUSE_S_MAX:
                message = f"the performance was paused for {PAUSE_S_MAX:.0f} s; open it again"
                self._release(row, DeadlineExceeded(message, reason="PAUSED_TOO_LONG"))
            elif row.job.stream.has_room:
                row.stalled_since_s = None
            elif row.stalled_since_s is None:
                row.stalled_since_s = now_s
            elif now_s - row.stalled_since_s > self._stall_s_max:
                metrics.STALLED.inc()
                message = f"nothing was read for {self._stall_s_max:.0f} s; ask again with resume_sample_offset"
                self._release(row, DeadlineExceeded(message, reason="LISTENER_STALLED"))

    def _release(self, row: RunningRequest, error: ResonanceError | None) -> None:
        self._rows = [other for other in self._rows if other is not row]
        row.job.stream.end(error)
        metrics.SLOTS_TAKEN.set(len(self._rows))

    def _end_all(self, error: ResonanceError) -> None:
        with self._wakeup:
            waiting = [*self._queue, *self._joining]
            self._queue, self._joining = deque(), deque()
        for job in [*waiting, *(row.job for row in self._rows)]:
            job.stream.end(error)
        self._rows = []

    def _order(self, job: EngineRequest, order: Callable[[RunningRequest], None]) -> None:
        with self._wakeup:
            known = [*self._queue, *self._joining, *(row.job for row in self._rows)]
            if not any(one is job for one in known):
                raise NotFound(f"{job.request_id} is not playing", reason="NOT_PLAYING")
            if sum(ordered is job for ordered, _ in self._orders) >= ORDERS_WAITING_MAX:
                raise Overloaded(
                    "too many controls wait for this performance; send fewer",
                    reason="TOO_MANY_CONTROLS",
                    retry_after_s=1.0,
                )
            self._orders.append((job, order))
            self._wakeup.notify()

    def _measure(self, step_s: float) -> None:
        metrics.STEP_SECONDS.observe(step_s)
        self._steps_per_s += 0.05 * (1 / max(step_s, 1e-6) - self._steps_per_s)
        metrics.HEADROOM.set(self._steps_per_s / self.model.description.frame_rate_hz)

    def _wait_estimate_s(self) -> float:
        """When the first place comes free: the least that is left of any running take, at the present speed."""
        left = [row.job.frame_count - row.sequence.frames_ready for row in self._rows if row.job.frame_count is not None]
        return max(1.0, min(left, default=50) / self._steps_per_s)


def _stop_row(row: RunningRequest) -> None:
    row.is_stopping = True
