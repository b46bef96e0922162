"""plan(profile, snapshot, policy): the one place that decides what a sign-in does to accounts.

Pure and total: the same arguments give the same answer, and once a plan is applied, planning again
gives one without steps.
"""

from functools import lru_cache

import re2

from passerelle.provisioning.mapping import values_for_rule
from passerelle.provisioning.model import (
    Account,
    ActivateAccount,
    CreateAccount,
    Give,
    Grant,
    LinkIdentity,
    Note,
    Plan,
    Policy,
    Profile,
    Refusal,
    Rule,
    Snapshot,
    Step,
    UpdateProfile,
    Withdraw,
)

MAX_SUBJECT = 512
"""Characters of an identifier. A persistent NameID has at most 256 (Core §8.3.7)."""


def plan(profile: Profile, snapshot: Snapshot, policy: Policy) -> Plan | Refusal:
    """Decide what a sign-in should change; change nothing."""
    if not snapshot.address_allowed:
        return Refusal("address_not_allowed")
    if profile.subject is None:
        return _no_subject(profile)
    if len(profile.subject) > MAX_SUBJECT:
        expected, received = f"at most {MAX_SUBJECT} characters", f"{len(profile.subject)}"
        return Refusal("subject_too_long", expected=expected, received=received)
    if snapshot.by_identity is not None:
        return _returning(profile, snapshot.by_identity, snapshot, policy)
    if _was_removed(snapshot):
        return Refusal("user_removed")
    if profile.email is None:
        return _no_email(profile)
    if snapshot.by_email is not None:
        return _existing(profile, snapshot.by_email, snapshot, policy)
    return _newcomer(profile, snapshot, policy)


def _was_removed(snapshot: Snapshot) -> bool:
    """A removed person stays out, whatever address they bring now, until they are invited again."""
    if snapshot.by_email is None:
        return snapshot.identity_removed or snapshot.email_removed
    return snapshot.identity_removed and snapshot.by_email.status != "invited"


def _no_subject(profile: Profile) -> Refusal:
    if profile.name_id_received is None:
        return Refusal("subject_unstable", expected="an identifier that stays the same")
    return Refusal(
        "email_invalid",
        expected="an e-mail address as NameID, as its format says",
        received=profile.name_id_received,
    )


def _no_email(profile: Profile) -> Refusal:
    names = ", ".join(sorted(profile.attributes)) or "no attributes"
    if profile.email_received is None:
        return Refusal("email_missing", expected="an attribute named email", received=names[:500])
    return Refusal("email_invalid", expected="an e-mail address", received=profile.email_received)


def _returning(
    profile: Profile, account: Account, snapshot: Snapshot, policy: Policy
) -> Plan | Refusal:
    if refusal := _barred(account):
        return refusal
    steps: list[Step] = [ActivateAccount()] if account.status == "invited" else []
    notes: list[Note] = []
    if policy.update_profile:
        changes, kept = _profile_changes(profile, account, snapshot, policy)
        steps += [changes] if changes else []
        notes += kept
    if policy.sync_rules == "always":
        rule_steps, rule_notes = _rule_changes(profile, account, policy)
        steps += rule_steps
        notes += rule_notes
    return Plan("signed_in", account.id, tuple(steps), tuple(notes), account.status)


def _existing(
    profile: Profile, account: Account, snapshot: Snapshot, policy: Policy
) -> Plan | Refusal:
    """An account with this e-mail that no subject of this provider is linked to, or another is."""
    assert profile.email is not None and profile.subject is not None
    if account.linked_here:
        known = account.subject_here or None
        return Refusal("identity_conflict", known, profile.subject, account.id)
    if refusal := _barred(account):
        return refusal
    if policy.existing_accounts == "refuse":
        return Refusal("account_exists", expected="linking allowed", received=profile.email.shown)
    if not snapshot.domain_verified:
        return Refusal(
            "account_exists", expected="a verified domain", received=profile.email.domain
        )
    steps: list[Step] = [LinkIdentity(profile.subject)]
    if account.status == "invited":
        steps.append(ActivateAccount())
    notes: list[Note] = []
    if policy.update_profile:
        changes, notes = _profile_changes(profile, account, snapshot, policy)
        steps += [changes] if changes else []
    rule_steps, rule_notes = _rule_changes(profile, account, policy)
    return Plan("linked", account.id, (*steps, *rule_steps), (*notes, *rule_notes), account.status)


def _newcomer(profile: Profile, snapshot: Snapshot, policy: Policy) -> Plan | Refusal:
    assert profile.email is not None and profile.subject is not None
    if not snapshot.jit_available:
        return Refusal("jit_unavailable")
    if not policy.automatic or policy.default is None:
        return Refusal("jit_disabled")
    if not _domain_allowed(profile.email.domain, snapshot, policy):
        return Refusal(
            "domain_not_allowed",
            expected=_allowed_domains(policy),
            received=profile.email.domain,
        )
    waiting = policy.newcomers == "approve"
    create = CreateAccount(
        profile.email, profile.first_name, profile.last_name, "pending" if waiting else "active"
    )
    matched = _matched(profile, policy)
    gives = [Give(grant, "rule", why) for grant, why in sorted(matched.items())]
    if not gives:
        gives = [Give(policy.default, "default", "default")]
    notes = tuple(_missing_notes(profile, policy))
    steps: tuple[Step, ...] = (create, LinkIdentity(profile.subject), *gives)
    return Plan("pending" if waiting else "created", None, steps, notes)


def _barred(account: Account) -> Refusal | None:
    if account.status == "suspended":
        return Refusal("user_suspended", "active", "suspended", account.id)
    if account.status == "pending":
        return Refusal("approval_pending", "approved", "pending", account.id)
    return None


def _domain_allowed(domain: str, snapshot: Snapshot, policy: Policy) -> bool:
    if policy.domains == "verified":
        return snapshot.domain_verified
    if policy.domains == "known":
        return snapshot.domain_verified or snapshot.domain_known
    return domain in policy.domains


def _allowed_domains(policy: Policy) -> str:
    if isinstance(policy.domains, frozenset):
        return ", ".join(sorted(policy.domains))[:500] or "no domain"
    return f"a {policy.domains} domain"


def _profile_changes(
    profile: Profile, account: Account, snapshot: Snapshot, policy: Policy
) -> tuple[UpdateProfile | None, list[Note]]:
    """Names follow when they are sent; an e-mail follows only where it may and is free."""
    first = _changed(profile.first_name, account.first_name)
    last = _changed(profile.last_name, account.last_name)
    email, notes = profile.email, []
    if email is None or email == account.email:
        email = None
    elif email.key != account.email.key:
        taken = snapshot.by_email is not None and snapshot.by_email.id != account.id
        if taken or not _domain_allowed(email.domain, snapshot, policy):
            notes = [Note("email_taken" if taken else "email_domain_not_allowed", email.shown)]
            email = None
    if email is None and first is None and last is None:
        return None, notes
    return UpdateProfile(email, first, last), notes


def _changed(sent: str, kept: str) -> str | None:
    return sent if sent and sent != kept else None


def _rule_changes(
    profile: Profile, account: Account, policy: Policy
) -> tuple[list[Step], list[Note]]:
    """Give what rules say, and withdraw what only a rule gave and no rule says any more.

    A grant stays when a rule that could give it looks at an attribute that is missing.
    """
    matched = _matched(profile, policy)
    held = account.granted_by("rule")
    undecided = {
        rule.grant
        for rule in policy.rules
        if values_for_rule(profile.attributes, rule.attribute) is None
    }
    gives = [Give(g, "rule", why) for g, why in sorted(matched.items()) if g not in held]
    withdraws = [
        Withdraw(grant, "no rule gives it any more")
        for grant in sorted(held)
        if grant not in matched and grant not in undecided
    ]
    return [*gives, *withdraws], _missing_notes(profile, policy)


def _matched(profile: Profile, policy: Policy) -> dict[Grant, str]:
    """Each grant that a rule gives, with the first rule that gives it."""
    found: dict[Grant, str] = {}
    for rule in policy.rules:
        values = values_for_rule(profile.attributes, rule.attribute) or ()
        if any(_applies(rule, value) for value in values):
            found.setdefault(rule.grant, rule.text)
    return found


def _missing_notes(profile: Profile, policy: Policy) -> list[Note]:
    missing = {
        rule.attribute
        for rule in policy.rules
        if values_for_rule(profile.attributes, rule.attribute) is None
    }
    return [Note("attribute_missing", name) for name in sorted(missing)]


def _applies(rule: Rule, value: str) -> bool:
    if rule.matches is None:
        return value == rule.equals
    return compile_pattern(rule.matches).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> "re2._Regexp[str]":
    """A rule's pattern. RE2 matches in linear time: a pattern cannot stop the service.

    Raises ValueError for a pattern that RE2 cannot read.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        # RE2 says what is wrong in bytes.
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error
