"""Lists in pages by cursor: as quick at the end of a long list as at its start."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, QuerySet

from passerelle.provisioning.person_name import is_joiner

Row = TypeVar("Row", bound=Model)
SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: list[Row]
    more: str
    """The query of the next page, with the filters; empty where there is none."""


def page_of(
    found: "QuerySet[Row]", filters: dict[str, str], cursor: Callable[[Row], str]
) -> "Page[Row]":
    """One page of an ordered query; `cursor` writes where the next one goes on."""
    rows = list(found[: SIZE + 1])
    if len(rows) <= SIZE:
        return Page(rows, "")
    query: dict[str, Any] = {name: value for name, value in filters.items() if value}
    return Page(rows[:SIZE], "?" + urlencode({**query, "after": cursor(rows[SIZE - 1])}))


NO_ROW = UUID(int=0)


def identifier(text: str) -> UUID:
    """An identifier from a form or an address; anything else is that of no row."""
    try:
        return UUID(text)
    except ValueError:
        return NO_ROW


MOST_DIGITS = 9


def number_in(text: str) -> int | None:
    """A number from an address, written as we write them; None for anything else."""
    is_number = len(text) <= MOST_DIGITS and text.isascii() and text.isdecimal()
    return int(text) if is_number else None


def typed(text: str) -> str:
    """What a person can have typed: control characters, NUL above all, are none of it."""
    kept = (one for at, one in enumerate(text) if one.isprintable() or is_joiner(text, at))
    return "".join(kept).strip()[:200]
