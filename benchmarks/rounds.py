"""Everyone takes a turn in every round, so that drift of a shared machine hits all alike."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")


@dataclass(frozen=True)
class Series:
    """What one contestant reached, round by round."""

    rounds: list[list[float]]

    @property
    def median(self) -> float:
        return statistics.median(self._all)

    @property
    def spread(self) -> tuple[float, float]:
        """The 10th and the 90th percentile."""
        tenths = statistics.quantiles(self._all, n=10)
        return tenths[0], tenths[-1]

    def over(self, other: "Series") -> float:
        """The ratio to another: of the medians of each round, and of those ratios the median."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)

    @property
    def _all(self) -> list[float]:
        return [one for found in self.rounds for one in found]


def in_turns(rounds: int, contestants: Mapping[K, Callable[[], list[float]]]) -> dict[K, Series]:
    found: dict[K, list[list[float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, turn in contestants.items():
            found[name].append(turn())
    return {name: Series(one) for name, one in found.items()}


def duration(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 0.01 else f"{seconds * 1e3:,.1f} ms"


def durations(series: Series) -> dict[str, str]:
    """The cells of a table."""
    low, high = series.spread
    return {
        "median": duration(series.median),
        "10th to 90th percentile": f"{duration(low)} to {duration(high)}",
    }
