"""Fairness between owners: the order in which waiting requests get slots, and the places in the queue that one owner may take."""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence

from resonance.errors import Overloaded
from resonance_generate.engine.request import EngineRequest

_REMEMBERED_MAX = 1000


class Turns:
    """Turns of owners at the slots. An owner with one request waits for one slot, whatever another owner has queued."""

    def __init__(self) -> None:
        self._last_turns: OrderedDict[str, int] = OrderedDict()
        self._count = 0

    def take(self, request: EngineRequest) -> None:
        """Notes that a request gets a slot."""
        self._count += 1
        self._last_turns[request.owner] = self._count
        self._last_turns.move_to_end(request.owner)
        if len(self._last_turns) > _REMEMBERED_MAX:
            self._last_turns.popitem(last=False)

    def order(self, waiting: Iterable[EngineRequest], begun: Iterable[EngineRequest]) -> list[EngineRequest]:
        """The waiting requests in the order in which they get slots.

        Listeners' requests come before those in the background. Among them the owner with the fewest begun takes is next, of equals
        the one whose last turn is longest ago, and of that owner the request that has waited longest.

        Args:
            waiting: the oldest first.
            begun: those that have a slot or have lent it.
        """
        held, queue = Counter(one.owner for one in begun), list(waiting)
        last_turns = dict(self._last_turns)
        return [
            *_take_in_turn([one for one in queue if not one.is_background], held, last_turns),
            *_take_in_turn([one for one in queue if one.is_background], held, last_turns),
        ]


def _take_in_turn(
    queue: list[EngineRequest], held: Counter[str], last_turns: dict[str, int]
) -> Iterator[EngineRequest]:
    """The queue in the order of the turns; `held` and `last_turns` count on."""
    by_owner: dict[str, deque[int]] = {}
    for number, one in enumerate(queue):
        by_owner.setdefault(one.owner, deque()).append(number)
    turn = max(last_turns.values(), default=0)
    heap = [(held[owner], last_turns.get(owner, 0), numbers[0], owner) for owner, numbers in by_owner.items()]
    heapq.heapify(heap)
    while heap:
        _, _, number, owner = heapq.heappop(heap)
        yield queue[number]
        turn += 1
        held[owner] += 1
        last_turns[owner] = turn
        by_owner[owner].popleft()
        if by_owner[owner]:
            heapq.heappush(heap, (held[owner], turn, by_owner[owner][0], owner))


def usual_owner_places(queue_places: int) -> int:
    """The places that one owner may take where no setting says otherwise: three quarters, rounded up."""
    return -(-3 * queue_places // 4)


def check_places(
    request: EngineRequest,
    waiting: Sequence[EngineRequest],
    *,
    free_slots: int,
    owner_places: int,
    wait_s: float | None,
) -> None:
    """Refuses a request of an owner who has `owner_places` waiting already; 0 is no limit, and requests without an owner have none.

    Raises:
        Overloaded: with the wait until the first place comes free; `wait_s` None: not known.
    """
    if not owner_places or not request.owner or request.is_background:
        return
    mine = sum(one.owner == request.owner and not one.stream.is_closed for one in waiting)
    if mine >= owner_places + max(0, free_slots):
        retry_after_s = max(1.0, 60.0 if wait_s is None else wait_s)
        message = f"{owner_places} of your takes wait already, which is as many as one owner may have in the queue"
        raise Overloaded(
            f"{message}; try again in {retry_after_s:.0f} s", reason="OWNER_QUEUE_FULL", retry_after_s=retry_after_s
        )
