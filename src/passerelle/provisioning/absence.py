"""Attributes that are not sent: left out for one person, or not sent to anybody any more.

Many providers send no group attribute at all for a person without groups. So what was sent for
somebody before and is absent now is empty, once the provider has shown that it leaves the attribute
out for some people and sends it for others. Until then, and while nobody has been sent it since
somebody missed it, the provider may just as well have stopped sending it for everybody. The only
person who has ever been sent it is everybody: for them alone, absence is empty at once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from passerelle.provisioning.model import Seen

State = Mapping[str, Mapping[str, Any]]
"""By attribute: `only`, the one person who was sent it so far; `absent` from some sign-in;
`left_out` for one and sent for a later one; `missed_at`, since when nobody has been sent it;
`doubted_at`, since when rights are kept for it."""


def left_out(state: State, person: str) -> frozenset[str]:
    """The attributes whose absence speaks of this person only."""
    return frozenset(
        name
        for name, known in state.items()
        if (known.get("left_out") and "missed_at" not in known) or known.get("only") == person
    )


def doubted(state: State) -> list[str]:
    """The attributes that the provider may have stopped sending for everybody."""
    return sorted(name for name, known in state.items() if "doubted_at" in known)


def after(state: State, seen: Seen, person: str, now: datetime) -> dict[str, dict[str, Any]]:
    """What is known of the attributes after one more sign-in; equal to `state` most of the time."""
    found = {name: dict(known) for name, known in state.items()}
    for name in seen.sent:
        found[name] = _after_it_was_sent(found.get(name), person)
    for name in seen.absent - found.keys():
        found[name] = {"absent": True}
    for name in seen.left | seen.held:
        found[name].setdefault("missed_at", now.isoformat())
    for name in seen.held:
        found[name].setdefault("doubted_at", now.isoformat())
    return found


def _after_it_was_sent(known: Mapping[str, Any] | None, person: str) -> dict[str, Any]:
    if known is None:
        return {"only": person}
    was_absent = any(name in known for name in ("absent", "left_out", "missed_at"))
    found: dict[str, Any] = {"left_out": True} if was_absent else {}
    return found | ({"only": person} if known.get("only") == person else {})
