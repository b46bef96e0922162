"""Work in the background goes round by company: one that has much of it holds up no other."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


def in_turns(
    work: Iterable[T],
    *,
    company: Callable[[T], UUID],
    seconds: float,
    clock: Callable[[], float] | None = None,
) -> Iterator[T]:
    """One piece of each company after the other, in the order given within one.

    A company whose pieces have taken so many seconds waits for the next pass with the rest.
    """
    now = clock or time.monotonic
    queues: dict[UUID, deque[T]] = {}
    for piece in work:
        queues.setdefault(company(piece), deque()).append(piece)
    waiting, taken = deque(queues), dict.fromkeys(queues, 0.0)
    while waiting:
        whose = waiting.popleft()
        began = now()
        yield queues[whose].popleft()
        taken[whose] += now() - began
        if queues[whose] and taken[whose] < seconds:
            waiting.append(whose)
