"""Verifications a second, by one process and by two at the same time.

The floor does the same in the same rounds: it shows what the machine has left for a second process.
"""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from benchmarks.peers import Verify
from benchmarks.rounds import Series, in_turns

ROUNDS = 15
SECONDS = 0.3
ONE, TWO = "one process", "two processes"


def throughput(contestants: dict[str, Verify], form_field: str) -> dict[str, dict[str, Series]]:
    # Forked, so that a contestant needs no copying.
    context = multiprocessing.get_context("fork")
    ends = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        context.Process(target=_work, args=(theirs, contestants, form_field), daemon=True).start()
        ends.append(ours)

    def turn(name: str, working: list[Connection]) -> Callable[[], list[float]]:
        def rate() -> list[float]:
            for end in working:
                end.send(name)
            return [sum(end.recv() for end in working)]

        rate()
        return rate

    turns = {}
    for name in contestants:
        turns[name, ONE] = turn(name, ends[:1])
        turns[name, TWO] = turn(name, ends)
    found = in_turns(ROUNDS, turns)
    return {name: {ONE: found[name, ONE], TWO: found[name, TWO]} for name in contestants}


def _work(end: Connection, contestants: dict[str, Verify], form_field: str) -> None:
    while True:
        verify = contestants[end.recv()]
        count, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < SECONDS:
            verify(form_field)
            count += 1
        end.send(count / passed)


def rows(rates: dict[str, dict[str, Series]]) -> list[dict[str, str]]:
    found = []
    for name, series in rates.items():
        cells = {"": name}
        for title, one in series.items():
            low, high = one.spread
            cells[title] = f"{one.median:,.0f} ({low:,.0f} to {high:,.0f})"
        found.append({**cells, "ratio": f"{series[TWO].over(series[ONE]):.2f}"})
    return found
