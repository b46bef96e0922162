"""Two people change the same settings at once: what one has not touched is the other's.

A form carries, beside the version that it was made from, a digest of each value that it showed.
What comes back as it was shown was not touched: it gives way to what is saved now.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

FIELD = "shown_values"


def digests_of(current: Mapping[str, Any]) -> str:
    """What a form showed, as it sends it along: a digest of each value, in order of the names."""
    return ",".join(_digest(_as_sent(current[name])) for name in sorted(current))


def adopt_untouched(data: QueryDict, current: Mapping[str, Any]) -> tuple[QueryDict, set[str]]:
    """What was sent, with what is saved now in every field that was not touched.

    Also the names of those that were touched, and say something else than what is saved.
    """
    names, digests = sorted(current), data.get(FIELD, "").split(",")
    # Of a page from before an update: nothing is known of what it showed.
    shown = dict(zip(names, digests, strict=True)) if len(digests) == len(names) else {}
    merged, touched = data.copy(), set()
    for name in names:
        sent, saved = _sent(data.getlist(name)), _as_sent(current[name])
        if _digest(sent) == shown.get(name):
            merged.setlist(name, saved)
        elif sent != saved:
            touched.add(name)
    return merged, touched


def _as_sent(value: Any) -> list[str]:
    """What a browser sends for a field that shows this value, if nobody touches it."""
    if value is True:
        return ["on"]
    if value is None or value is False:
        return []
    return _sent([str(one) for one in value] if isinstance(value, list) else [str(value)])


def _sent(values: list[str]) -> list[str]:
    """Several boxes in any order; an empty line is as good as none."""
    plain = (value.replace("\r\n", "\n").strip() for value in values)
    return sorted(one for one in plain if one)


def _digest(sent: list[str]) -> str:
    return hashlib.blake2s(repr(sent).encode(), digest_size=4).hexdigest()
