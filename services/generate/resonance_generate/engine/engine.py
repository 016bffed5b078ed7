"""Engine: one model thread behind a bounded queue.

The thread owns the model.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import structlog
import torch

from resonance.errors import ResonanceError, Unavailable
from resonance_generate.engine import metrics
from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.command import Command, CommandQueue, not_playing
from resonance_generate.engine.fairness import Turns, check_places
from resonance_generate.engine.preemption import BackgroundPreemption, preempted_error
from resonance_generate.engine.request import EngineRequest
from resonance_generate.engine.running_request import RunningRequest
from resonance_generate.engine.scheduler import plan
from resonance_generate.engine.timeouts import check_client_timeouts
from resonance_generate.engine.waiting import RETURN_SHARE, Pace, QueuePlace, estimate_waits, plan_turnover, queue_full
from resonance_model.allocator import release_free_pages
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.static_batch import StaticBatch
from resonance_model.loaded_model import LoadedModel

_log = structlog.get_logger("engine")
_IDLE_S = 0.02
LEAD_S_MAX = 30.0
PARKED_MAX = 4
Result = TypeVar("Result")


class Engine:
    """Gives requests a slot each, steps all slots together, and hands their audio to their streams.

    At most `slot_count` requests run and `queue_places` wait, `owner_places` of one owner; one more is refused with an estimate of when
    a place comes free. Owners get slots in turn (`fairness.py`). While a request waits, up to `parked_max` takes whose clients have
    `lead_s_max` seconds in hand lend their slots (`waiting.py`). The engine thread alone touches slots and codec streams. The decoder's
    weights are read-only and may be shared. With a `static_batch` the slots take their steps in it (CUDA graphs). Methods of the caller's
    side neither compute nor block.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        slot_count: int,
        queue_places: int,
        owner_places: int = 0,
        stall_s_max: float,
        lead_s_max: float = LEAD_S_MAX,
        parked_max: int = PARKED_MAX,
        static_batch: StaticBatch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lead_s_max` is how far the engine runs ahead of a client's reading, `stall_s_max` how long it waits for a client to read."""
        self.model = model
        self._static_batch = static_batch
        self._slot_count = slot_count
        self._queue_places, self._owner_places = queue_places, owner_places
        self._stall_s_max = stall_s_max
        self._lead_s_max, self._parked_max = lead_s_max, parked_max
        # Samples before the first frame of a change that it shapes too, because the codec looks ahead.
        self.lag_samples = model.codec.open_stream().lag_frames * model.description.hop_samples
        self._samples_max = round(lead_s_max * model.description.sample_rate_hz)
        self._clock = clock
        self._wakeup = threading.Condition()
        self._queue: deque[EngineRequest] = deque()
        self._commands = CommandQueue()
        self._joining: deque[EngineRequest] = deque()
        self._running: list[RunningRequest] = []
        self._parked: list[RunningRequest] = []
        self._last_step_s: float | None = None  # None after a tick in which nothing moved
        self._steps_per_s = float(model.description.frame_rate_hz)
        self._is_stopping = False
        self._turns = Turns()
        self._preemption = BackgroundPreemption()
        self._has_freed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends every stream with Unavailable, and the thread. Blocks until the thread has ended."""
        with self._wakeup:
            self._is_stopping = True
            self._wakeup.notify()
        self._thread.join()

    def open_stream(self) -> ChunkStream:
        """A stream to the current event loop, which lets the engine run `lead_s_max` seconds ahead of its reader."""
        return ChunkStream(asyncio.get_running_loop(), samples_max=self._samples_max)

    def submit(self, request: EngineRequest) -> None:
        """Queues a request; its stream begins as soon as a slot is free.

        Raises:
            Overloaded: every slot and every place in the queue is taken, or every place of the request's owner.
            Unavailable: the engine is stopping.
        """
        with self._wakeup:
            if self._is_stopping:
                raise Unavailable("this service is stopping; another replica will answer", retry_after_s=1.0)
            self._queue = deque(waiting for waiting in self._queue if not waiting.stream.is_closed)
            taken = [*(running.request for running in self._running), *self._waiting()]
            # Requests in the background take no place from a listener: they end where a slot is wanted.
            count = sum(not one.stream.is_closed and (request.is_background or not one.is_background) for one in taken)
            if count >= self._slot_count + self._queue_places:
                raise queue_full(self._slot_count, self._queue_places, self._first_wait_s())
            check_places(
                request,
                self._waiting(),
                free_slots=self._free_slots,
                owner_places=self._owner_places,
                wait_s=self._first_wait_s(),
            )
            self._queue.append(request)
            metrics.QUEUE_DEPTH.set(len(self._queue))
            self._wakeup.notify()

    def apply(self, request: EngineRequest, change: Callable[[RunningRequest], Result]) -> Future[Result]:
        """Applies a method of `RunningRequest`, such as `pause`, before the request's next step. Returns its future result.

        Commands of a request that waits for a slot are applied, in their order, once it has one. A command whose request ends first
        fails with NotFound.

        Raises:
            NotFound: the request has ended, or was never submitted.
            Overloaded: COMMANDS_WAITING_MAX commands of the request wait already.
        """
        command = Command(request=request, change=change, result=Future())
        with self._wakeup:
            # The request itself and not its id: two callers may use one id at once.
            if not any(one is request for one in (*self._waiting(), *(one.request for one in self._begun()))):
                raise not_playing(request)
            self._commands.add(command)
            self._wakeup.notify()
        return command.result

    @property
    def is_stopping(self) -> bool:
        """True where `stop` was called."""
        return self._is_stopping

    @property
    def has_listeners(self) -> bool:
        """True while a listener's request waits, is live, or wants more audio now. Background work on this machine waits for it."""
        return self._preemption.is_wanted or any(not request.is_background for request in self._waiting())

    @property
    def running(self) -> tuple[RunningRequest, ...]:
        """Requests that have a slot. Their methods may be called on the engine thread only; `apply` does that."""
        return tuple(self._running)

    @property
    def running_count(self) -> int:
        """Number of requests that have a slot."""
        return len(self._running)

    @property
    def waiting_count(self) -> int:
        """Number of requests in the queue."""
        return len(self._queue)

    @property
    def parked_count(self) -> int:
        """Number of takes that have lent their slots."""
        return len(self._parked)

    def place_of(self, request: EngineRequest) -> QueuePlace | None:
        """The place of a request that waits for its slot, or of a parked take; None while it is being made."""
        with self._wakeup:
            queue = self._turns.order((one for one in self._queue if not one.stream.is_closed), self._begun_requests())
            parked, now_s = list(self._parked), self._clock()
            number = next((number for number, one in enumerate(queue) if one is request), None)
            if number is not None:
                return QueuePlace(place=number + 1, wait_s=self._estimate(queue, now_s)[number])
        for place, lent in enumerate(parked, start=1):
            if lent.request is request:
                due_s = max(0.0, lent.in_hand_s(now_s) - self._lead_s_max * RETURN_SHARE)
                return QueuePlace(place=place, wait_s=due_s, is_parked=True)
        return None

    # --- engine thread

    def tick(self) -> bool:
        """Admits, applies commands, drops clients that stopped reading, and takes one step. Returns whether any request moved.

        The thread calls it in a loop. A test without the thread may call it under `torch.inference_mode`.
        """
        self._admit()
        self._apply_commands()
        now_s = self._clock()
        self._drop_stalled(now_s)
        self._preemption.look(self._running, now_s)
        moving = plan(self._running, now_s)
        if moving:
            self._step(moving)
        self._last_step_s = self._clock() if moving else None
        return bool(moving)

    def _run(self) -> None:
        with torch.inference_mode():
            while not self._is_stopping:
                try:
                    if not self.tick():
                        self._wait_for_work()
                except Exception as failure:
                    _log.error("the engine failed in a step", exc_info=failure)
                    self._end_all(ResonanceError("the engine failed; the log of the service says why"))
        self._end_all(Unavailable("this service is stopping; ask again for the rest", retry_after_s=1.0))

    def _wait_for_work(self) -> None:
        if self._has_freed and not self._running:  # the caches of the last take
            release_free_pages()
            self._has_freed = False
        with self._wakeup:
            # Checked under the lock: the notification of a stop since `_run` looked has found no waiting thread.
            if not self._is_stopping and not self._joining:
                self._wakeup.wait(_IDLE_S if self._running or self._parked or self._queue else None)

    def _step(self, moving: list[RunningRequest]) -> None:
        started_s = self._clock()
        if self._static_batch is not None:
            self._static_batch.assign([running.sequence.slot for running in self._running])
        for running in moving:
            running.before_step()
        prefilling = [running for running in moving if running.sequence.needs_prefill]
        if prefilling:  # one request a step: a slice of each would be a gap in the live music of others
            min(prefilling, key=lambda running: (not running.is_live, running.slack_s(started_s))).read_slice()
        stepping = [running.sequence for running in moving if running.needs_step]
        if stepping:
            advance(self.model.decoder, stepping, self._static_batch)
        self._send_chunks(moving, self._clock())
        self._measure(self._clock() - started_s, self._clock())

    def _send_chunks(self, moved: list[RunningRequest], now_s: float) -> None:
        """Decodes the chunks that are due: all live ones, and of the others that of the request with least slack.

        Decoding several in one step would be a gap in the live music of others. The rest wait for POSTPONED_STEPS_MAX steps at most.
        """
        others = 0
        for running in sorted(moved, key=lambda running: (not running.is_live, running.slack_s(now_s))):
            if not running.is_chunk_due or (others and running.postpone_chunk()):
                continue
            others += not running.is_live
            running.send_chunk()
            if running.is_finished:
                self._release(running, None)

    def _admit(self) -> None:
        with self._wakeup:
            self._forget_closed()
            for running in self._preemption.choose(
                self._running, self._queue, free_slots=self._free_slots, now_s=self._clock()
            ):
                self._release(running, preempted_error())
            self._turn_over(self._clock())
            # A request counts as joining until it is among the running: its place is at no moment free for another one.
            if self._queue and self._free_slots > 0:
                for first in self._turns.order(self._queue, self._begun_requests())[: self._free_slots]:
                    self._turns.take(first)
                    self._queue.remove(first)
                    self._joining.append(first)
            while self._free_slots > 0 and (able := [one for one in self._parked if one.request.stream.has_room]):
                self._unpark(able[0])
            metrics.QUEUE_DEPTH.set(len(self._queue))
        if self._joining:  # one a step: encoding several prompts would be a gap in the live music of others
            begun = self._begin(self._joining[0])
            with self._wakeup:
                self._running += [begun] if begun is not None else []
                self._joining.popleft()
        metrics.SLOTS_TAKEN.set(len(self._running))
        metrics.PARKED.set(len(self._parked))

    def _turn_over(self, now_s: float) -> None:
        """Parks takes that have much in hand where others wait, and takes back those whose clients have little left. Under the lock."""
        leaving, returning = plan_turnover(
            self._running,
            self._parked,
            queued=len(self._queue),
            free_slots=max(0, self._free_slots),
            lead_s=self._lead_s_max,
            parked_max=self._parked_max,
            now_s=now_s,
        )
        for one in leaving:
            one.park()
        self._running = [one for one in self._running if one not in leaving]
        self._parked += leaving
        for one in returning[: max(0, self._free_slots)]:
            self._unpark(one)

    def _unpark(self, one: RunningRequest) -> None:
        self._parked = [other for other in self._parked if other is not one]
        self._running = [*self._running, one]

    @property
    def _free_slots(self) -> int:
        return self._slot_count - len(self._running) - len(self._joining)

    def _begin(self, request: EngineRequest) -> RunningRequest | None:
        metrics.QUEUE_WAIT_SECONDS.observe(max(0.0, time.monotonic() - request.stream.opened_s))
        try:
            return RunningRequest(request, self.model, self._clock)
        except Exception as failure:
            _log.error("a request could not start", request_id=request.request_id, exc_info=failure)
            request.stream.end(ResonanceError("the take could not start; the log of the service says why"))
            return None

    def _forget_closed(self) -> None:
        """Drops requests whose clients have left. Called under the lock."""
        self._queue = deque(request for request in self._queue if not request.stream.is_closed)
        count = len(self._running)
        self._running = [running for running in self._running if not running.request.stream.is_closed]
        self._has_freed |= len(self._running) < count
        self._parked = [parked for parked in self._parked if not parked.request.stream.is_closed]

    def _apply_commands(self) -> None:
        with self._wakeup:
            due = self._commands.take(self._waiting())
        for command in due:
            running = next((one for one in self._begun() if one.request is command.request), None)
            if running is None:
                command.result.set_exception(not_playing(command.request))
                continue
            command.apply(running)
            if running.is_finishing:
                running.send_chunk()
                self._release(running, None)

    def _drop_stalled(self, now_s: float) -> None:
        for running in self._begun():
            if (end := check_client_timeouts(running, self._stall_s_max, now_s)) is not None:
                self._release(running, end)

    def _release(self, running: RunningRequest, error: ResonanceError | None) -> None:
        self._running = [other for other in self._running if other is not running]
        self._has_freed = True
        self._parked = [other for other in self._parked if other is not running]
        running.request.stream.end(error)

    def _end_all(self, error: ResonanceError) -> None:
        with self._wakeup:
            waiting = self._waiting()
            self._queue, self._joining = deque(), deque()
        for request in (*waiting, *(one.request for one in self._begun())):
            request.stream.end(error)
        self._running, self._parked = [], []

    def _waiting(self) -> tuple[EngineRequest, ...]:
        return (*self._joining, *self._queue)

    def _begun(self) -> tuple[RunningRequest, ...]:
        return (*self._running, *self._parked)

    def _begun_requests(self) -> tuple[EngineRequest, ...]:
        return (*(one.request for one in self._begun()), *self._joining)

    def _first_wait_s(self) -> float | None:
        """An estimate of when the first place comes free: when the first request of the queue gets a slot."""
        queue: list[EngineRequest | None] = [*self._queue] or [None]
        return self._estimate(queue, self._clock())[0]

    def _estimate(self, queue: Sequence[EngineRequest | None], now_s: float) -> list[float | None]:
        """Seconds until each request of the queue has a slot, at the present speed."""
        pace = Pace(
            steps_per_s=self._steps_per_s,
            frame_rate_hz=self.model.description.frame_rate_hz,
            lead_s=self._lead_s_max,
            parked_max=self._parked_max - len(self._parked),
        )
        return estimate_waits(
            list(self._running),
            list(self._parked),
            [None if one is None else one.frame_count for one in (*self._joining, *queue)],
            free_slots=self._slot_count - len(self._running),
            pace=pace,
            now_s=now_s,
        )[len(self._joining) :]

    def _measure(self, step_s: float, now_s: float) -> None:
        metrics.STEP_SECONDS.observe(step_s)
        if self._last_step_s is not None:
            self._steps_per_s += 0.05 * (1 / max(now_s - self._last_step_s, 1e-3) - self._steps_per_s)
        metrics.HEADROOM.set(self._steps_per_s / self.model.description.frame_rate_hz)
        slacks = [slack_s for running in self._running if (slack_s := running.slack_s(now_s)) > float("-inf")]
        metrics.SLACK_MIN_SECONDS.set(min(slacks, default=0.0))
