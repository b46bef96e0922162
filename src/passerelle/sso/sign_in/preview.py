"""What a response would do to accounts: the way of a sign-in, and nothing written."""

from datetime import datetime
from typing import Any

from passerelle import saml
from passerelle.directory.policy import load_names
from passerelle.provisioning import Plan, Refusal
from passerelle.provisioning.describe import NOTES, describe_step
from passerelle.provisioning.model import ADMINISTRATION, Give, Withdraw
from passerelle.saml.checks import Check
from passerelle.saml.consoles import console_of
from passerelle.saml.errors import MessageError
from passerelle.saml.explain import filled
from passerelle.sso.connections.claims import email_of, profile_of
from passerelle.sso.connections.connection import trusted_certificates
from passerelle.sso.models import SamlConnection
from passerelle.sso.records.explain import account_check, explain_stored, stored
from passerelle.sso.sign_in.decide import decide
from passerelle.sso.sign_in.saml import expected_of


def preview_response(connection: SamlConnection, sent: bytes, *, now: datetime) -> dict[str, Any]:
    """Judge a response and plan for it, as a document of plain values.

    It is judged as the answer to whatever request it names: that one may be long gone. Nothing is
    spent, so a response that was used already can be looked at again.
    """
    judgement = _judge(connection, sent, now)
    checks = list(judgement.checks)
    decision: Plan | Refusal | None = None
    email = None
    if judgement.verified and (name_id := judgement.verified.name_id):
        profile = profile_of(judgement.verified, name_id, connection)
        email = email_of(profile)
        if judgement.accepted:
            decision = decide(connection.company, profile, connection=connection)
    if isinstance(decision, Refusal):
        checks.append(account_check(decision))
    is_plan = isinstance(decision, Plan)
    return {
        "connection": connection.slug,
        "outcome": decision.outcome if isinstance(decision, Plan) else "refused",
        "reason": None if is_plan else next(check.reason for check in checks if not check.passed),
        "email": email,
        "account": decision.account if isinstance(decision, Plan) else None,
        "steps": _steps(decision, connection),
        "grants": _grants(decision, connection),
        "notes": _notes(decision),
        "checks": [_explained(check, connection) for check in checks],
    }


def _judge(connection: SamlConnection, sent: bytes, now: datetime) -> saml.Judgement:
    try:
        message = saml.decode_response(sent)
        request_id = saml.peek(message).in_response_to
    except MessageError as error:
        return saml.Judgement(checks=[Check.failed("message", error)])
    certificates = trusted_certificates(connection)
    expected = expected_of(connection, certificates, request_id, since=None, now=now)
    return saml.judge(message, expected)


def _steps(decision: Plan | Refusal | None, connection: SamlConnection) -> list[str]:
    if not isinstance(decision, Plan):
        return []
    names = load_names(connection.company)
    return [filled(*describe_step(step, names)) for step in decision.steps]


def _grants(decision: Plan | Refusal | None, connection: SamlConnection) -> list[dict[str, Any]]:
    """Each membership that would be given or withdrawn, and why."""
    if not isinstance(decision, Plan):
        return []
    names = load_names(connection.company)
    return [
        {
            "change": "give" if isinstance(step, Give) else "withdraw",
            "workspace": names[step.grant.workspace],
            "permission_set": names[step.grant.permission_set],
            "why": step.why,
        }
        for step in decision.steps
        if isinstance(step, Give | Withdraw) and step.grant != ADMINISTRATION
    ]


def _notes(decision: Plan | Refusal | None) -> list[str]:
    if not isinstance(decision, Plan):
        return []
    return [filled(NOTES[note.slug], note.stored) for note in decision.notes]


def _explained(check: Check, connection: SamlConnection) -> dict[str, Any]:
    console = console_of(connection.idp_entity_id, product=connection.product)
    explained = explain_stored(stored(check), console)
    return {
        "check": check.check,
        "passed": check.passed,
        "expected": check.expected,
        "received": check.received,
        "detail": filled(explained.detail, explained.values),
        "fix": explained.fix and filled(explained.fix, explained.values),
    }
