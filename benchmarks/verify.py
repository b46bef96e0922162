"""Verify and read one response: Passerelle beside other libraries and the floor, in turns."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.payloads import Keys, Payload
from benchmarks.peers import IN_NODE, IN_PYTHON, CannotError, Node, Timed, timed
from benchmarks.rounds import Series, durations, in_turns

ROUNDS = 30
SECONDS_OF_A_TURN = 0.06
MOST_CALLS = 100


@dataclass
class Race:
    """Who verified one payload, and how fast."""

    payload: Payload
    series: dict[str, Series] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def rows(self) -> list[dict[str, str]]:
        floor = self.series["floor"]
        rows = []
        for name in (*IN_PYTHON, *IN_NODE):
            cells = {"median": "cannot", "10th to 90th percentile": "", "× floor": ""}
            if series := self.series.get(name):
                cells = {**durations(series), "× floor": f"{series.over(floor):.1f}"}
            rows.append({"library": name, **cells, "remark": self.remarks.get(name, "")})
        return rows


def race(payload: Payload, keys: Keys, node: Node) -> Race:
    result = Race(payload)
    turns = {}
    for name in (*IN_PYTHON, *IN_NODE):
        try:
            run = _contestant(name, payload, keys, node)
        except CannotError as reason:
            result.remarks[name] = str(reason)
        else:
            result.remarks[name] = _proven(name, run, payload)
            turns[name] = _turn(run, payload, warm_up=2 if name in IN_NODE else 0.3)
    result.series = in_turns(ROUNDS, turns)
    return result


def _contestant(name: str, payload: Payload, keys: Keys, node: Node) -> Timed:
    if name in IN_NODE:
        return node.timed(name, payload)
    return timed(IN_PYTHON[name](payload, keys))


def _proven(name: str, run: Timed, payload: Payload) -> str:
    """That it verifies, and reads all there is; returns what it leaves out."""
    _times, groups = run(payload.field, 1)
    assert groups in (payload.groups, None), f"{name} reads {groups} groups"
    assert not _accepts(run, payload.changed), f"{name} accepts what was changed"
    left_out = [] if groups else ["reads nothing"]
    if name != "floor" and any(_accepts(run, one) for one in payload.half_signed):
        left_out.append("checks one of the two signatures")
    return ", ".join(left_out)


def _accepts(run: Timed, form_field: str) -> bool:
    try:
        run(form_field, 1)
    except Exception:  # Each library has its own.
        return False
    return True


def _turn(run: Timed, payload: Payload, *, warm_up: float) -> Callable[[], list[float]]:
    """Warms up for so many seconds (Node.js compiles late), and sees how many calls make a turn."""
    times: list[float] = []
    while sum(times) < warm_up:
        times += run(payload.field, 1)[0]
    calls = max(1, min(MOST_CALLS, int(SECONDS_OF_A_TURN / statistics.median(times))))
    return lambda: run(payload.field, calls)[0]
