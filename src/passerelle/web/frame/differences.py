"""Where two values differ, so that a page can mark it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marked:
    """A value in three parts: what is alike, what differs, what is alike again."""

    before: str
    differs: str
    after: str

    def __bool__(self) -> bool:
        return bool(self.before or self.differs or self.after)


def mark_difference(
    expected: str | None, received: str | None, *, prose: bool = False
) -> tuple[Marked, Marked]:
    """Both values, with the part marked in which they differ; nothing when they are the same.

    Nothing is marked in `prose`: there letters that happen to be alike mean nothing.
    """
    one, other = expected or "", received or ""
    if prose:
        return Marked(one, "", ""), Marked(other, "", "")
    start = _alike(one, other)
    rest = min(len(one), len(other)) - start
    end = min(_alike(one[::-1], other[::-1]), rest)
    if one == other or start + end == 0:
        return Marked(one, "", ""), Marked(other, "", "")
    return _cut(one, start, end), _cut(other, start, end)


def _cut(value: str, start: int, end: int) -> Marked:
    stop = len(value) - end
    return Marked(value[:start], value[start:stop], value[stop:])


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
