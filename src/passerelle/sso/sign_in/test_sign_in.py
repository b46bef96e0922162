"""Test sign-ins: the real way through the identity provider, and nothing but the trial written.

A trial holds the settings as they were to be saved, so that they can be tried before anybody
depends on them. Its answer comes to the usual address and is judged and planned like any other;
then it ends, in a description of what would have happened.
"""

from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from passerelle import saml
from passerelle.directory.models import Company
from passerelle.directory.policy import load_names, load_policy, policy_of
from passerelle.infra.network import is_within
from passerelle.infra.tokens import new_trial_id
from passerelle.provisioning import Profile, Refusal
from passerelle.provisioning.describe import described
from passerelle.sso.connections.claims import profile_of
from passerelle.sso.connections.keys import signing_key
from passerelle.sso.models import SamlConnection, SignIn, Trial
from passerelle.sso.records.explain import account_check, stored
from passerelle.sso.sign_in.decide import decide
from passerelle.sso.sign_in.saml import AnswersTrial, Outgoing, expected_of, outgoing_request

LIFETIME = timedelta(minutes=15)
MOST_WAITING, MOST_ANSWERED = 5, 20
"""Kept of one connection at once, and of all that were never saved: of more, the oldest go."""
MAX_ATTRIBUTES, MAX_VALUES, MAX_TEXT = 100, 20, 300
"""Of what was received, so much is kept to be looked at."""

# What a request and the judgement of its answer depend on.
_SETTINGS = (
    "name",
    "idp_entity_id",
    "target_url",
    "post_target_url",
    "sp_entity_id",
    "request_binding",
    "sign_requests",
    "force_authn",
    "name_id_format",
    "authn_contexts",
    "subject_attribute",
    "email_attribute",
    "first_name_attribute",
    "last_name_attribute",
    "value_separator",
    "absent_is_empty",
    "allow_cbc",
)
_PROVISIONING = (
    "automatic_user_provisioning",
    "default_workspace_id",
    "default_permission_set_id",
    "provisioning_domains",
    "provisioning_domain_list",
    "newcomers",
    "existing_accounts",
    "update_profile",
)


def start_trial(
    connection: SamlConnection,
    certificates: list[str],
    *,
    company: Company,
    by_setup_link: bool = False,
    now: datetime,
) -> Trial:
    """Remember settings to be tried: `connection` and `company` need not be saved, PEMs neither."""
    connection_id = None if connection._state.adding else connection.id
    trial = Trial.objects.create(
        company_id=company.id,
        connection_id=connection_id,
        request_id=new_trial_id(),
        slug=connection.slug,
        settings={name: getattr(connection, name) for name in _SETTINGS},
        certificates=certificates,
        provisioning={name: _plain(getattr(company, name)) for name in _PROVISIONING},
        by_setup_link=by_setup_link,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    _forget_oldest(Trial.objects.filter(company_id=company.id, connection_id=connection_id))
    return trial


def _forget_oldest(trials: "QuerySet[Trial]") -> None:
    """Each holds all its certificates, and whoever may begin one may do so without end."""
    for is_waiting, most in ((True, MOST_WAITING), (False, MOST_ANSWERED)):
        rows = trials.filter(answered_at__isnull=is_waiting)
        newest_first = rows.order_by("-created_at", "-id").values_list("id", flat=True)
        Trial.objects.filter(id__in=list(newest_first[most:])).delete()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | str | list) else str(value)


def request_of(trial: Trial, *, now: datetime) -> Outgoing:
    """The trial's request, on its way to the identity provider."""
    connection = connection_of(trial)
    has_keys = connection.sign_requests and trial.connection_id is not None
    key = signing_key(connection, now=now) if has_keys else None
    return outgoing_request(connection, trial.request_id, key=key, now=now)


def connection_of(trial: Trial) -> SamlConnection:
    """The connection as it was to be saved. It is never saved from here."""
    identity = {"id": trial.connection_id} if trial.connection_id else {}
    return SamlConnection(company=trial.company, slug=trial.slug, **identity, **trial.settings)


def is_of(trial: Trial, connection: SamlConnection) -> bool:
    """Whether a trial was of what is saved now: provider, address and certificates."""
    same = all(
        trial.settings.get(name) == getattr(connection, name)
        for name in ("idp_entity_id", "target_url")
    )
    saved = connection.certificates.values_list("pem", flat=True)
    return same and sorted(trial.certificates) == sorted(saved)


def answer_trial(
    slug: str, answer: AnswersTrial, *, address: str | None, now: datetime
) -> Trial | None:
    """Judge the answer to a trial and keep what would have happened; None where none waits."""
    waiting = Trial.objects.filter(
        slug=slug, request_id=answer.request_id[:64], answered_at=None, expires_at__gt=now
    )
    trial = waiting.select_related("company").first()
    if trial is None:
        return None
    result = _rehearse(trial, answer.message, address, now)
    # The first answer counts.
    waiting.update(answered_at=now, result=result)
    return trial


def _rehearse(trial: Trial, message: bytes, address: str | None, now: datetime) -> dict[str, Any]:
    connection = connection_of(trial)
    certificates = tuple(saml.load_certificate(pem) for pem in trial.certificates)
    since = trial.created_at if connection.force_authn else None
    expected = expected_of(connection, certificates, trial.request_id, since=since, now=now)
    if trial.by_setup_link and SignIn.objects.filter(connection_id=trial.connection_id).exists():
        # What was encrypted for a connection in use is not read to somebody from outside.
        expected = replace(expected, decryption_keys=())
    judgement = saml.judge(message, expected)
    result: dict[str, Any] = {
        "outcome": "refused",
        "reason": judgement.reason or "",
        "checks": [stored(check) for check in judgement.checks],
        "connection_works": judgement.accepted,
        "claimed_issuer": (judgement.claimed_issuer or "")[:MAX_TEXT],
        "steps": [],
        "notes": [],
    }
    if judgement.verified and (name_id := judgement.verified.name_id):
        profile = profile_of(judgement.verified, name_id, connection)
        result |= _received(judgement.verified, name_id, profile)
        if judgement.accepted and trial.by_setup_link:
            # Who set this up from outside learns nothing of the company's accounts.
            result["outcome"] = "accepted"
        elif judgement.accepted:
            result |= _planned(trial, profile, address, result["checks"])
            # A person may be refused; what is missing of everybody is the connection's fault.
            result["connection_works"] = result["reason"] not in (
                "email_missing",
                "subject_unstable",
            )
    return result


def _received(assertion: saml.Assertion, name_id: saml.NameID, profile: Profile) -> dict[str, Any]:
    attributes = list(assertion.attributes.items())
    return {
        "email": (profile.email.shown if profile.email else profile.email_received or "")[
            :MAX_TEXT
        ],
        "first_name": (profile.first_name or "")[:MAX_TEXT],
        "last_name": (profile.last_name or "")[:MAX_TEXT],
        "name_id": name_id.value[:MAX_TEXT],
        "name_id_format": name_id.format[:MAX_TEXT],
        "attributes": [
            {
                "name": name[:MAX_TEXT],
                "values": [value[:MAX_TEXT] for value in values[:MAX_VALUES]],
                "more": max(len(values) - MAX_VALUES, 0),
            }
            for name, values in attributes[:MAX_ATTRIBUTES]
        ],
        "more_attributes": max(len(attributes) - MAX_ATTRIBUTES, 0),
    }


def _planned(
    trial: Trial, profile: Profile, address: str | None, checks: list[dict[str, Any]]
) -> dict[str, Any]:
    company = copy(trial.company)
    rules = load_policy(company).rules
    for name, value in trial.provisioning.items():
        setattr(company, name, value)
    allowed = not company.ip_allowlist or is_within(address, company.ip_allowlist)
    decision = decide(
        company,
        profile,
        connection=trial.connection,
        address_allowed=allowed,
        policy=policy_of(company, rules),
    )
    if isinstance(decision, Refusal):
        failed = account_check(decision)
        checks.append(stored(failed))
        return {"reason": decision.reason}
    return {
        "outcome": decision.outcome,
        "steps": described(decision.steps, load_names(trial.company)),
        "notes": [note.stored for note in decision.notes],
    }
