"""One attempt to sign in, as pages show it: each check, what was done, and what to change."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _

from passerelle.directory.models import Company
from passerelle.provisioning.describe import NOTES
from passerelle.saml.consoles import Console
from passerelle.saml.explain import filled
from passerelle.sso.models import SignIn
from passerelle.sso.records.explain import (
    PHRASES,
    Explained,
    explain_stored,
)
from passerelle.web.frame.differences import mark_difference


def reference_of(text: str) -> str:
    """A reference however it was dictated: `uyza5u`, `UYZ A5U`, `UYZ-A5U`."""
    letters = "".join(one for one in text.upper() if one.isalnum())
    return f"{letters[:3]}-{letters[3:]}"


def find_sign_in(company: Company, reference: str) -> SignIn:
    found = SignIn.objects.filter(company=company, reference=reference_of(reference))
    row = (
        found.select_related("connection", "user", "company", "application")
        .order_by("-time", "-id")
        .first()
    )
    if row is None:
        raise Http404
    return row


def explained_attempt(
    checks: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    notes: list[dict[str, Any]],
    console: Console | None,
) -> dict[str, Any]:
    """What a page shows of an attempt, in the reader's language."""
    lines = [_line(explain_stored(check, console)) for check in checks]
    failed = next((line for line in lines if not line["passed"]), None)
    return {
        # What failed comes first; the rest is there to be unfolded.
        "lines": [line for line in lines if not line["passed"]],
        "passed": [line for line in lines if line["passed"]],
        "cause": failed and failed["detail"],
        "cure": failed and failed["fix"],
        "steps": [_step(step) for step in steps],
        "notes": [filled(_(NOTES[note["note"]]), note) for note in notes if note["note"] in NOTES],
    }


def _step(step: dict[str, Any]) -> str:
    values = {name: _value(value) or "" for name, value in step["values"].items()}
    return filled(_(step["template"]), values)


def _value(value: str | None) -> str | None:
    """A phrase of ours in the reader's language; data as it is."""
    return _(value) if value in PHRASES else value


def _line(explained: Explained) -> dict[str, Any]:
    expected, received = _value(explained.expected), _value(explained.received)
    phrases = explained.expected in PHRASES or explained.received in PHRASES
    marked_expected, marked_received = mark_difference(expected, received, prose=phrases)
    return {
        "name": _(explained.name),
        "passed": explained.passed,
        "same": bool(expected) and expected == received,
        "expected": marked_expected,
        "received": marked_received,
        "detail": filled(_(explained.detail), explained.values) if explained.detail else "",
        "fix": filled(_(explained.fix), explained.values) if explained.fix else "",
    }
