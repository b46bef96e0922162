"""plan(profile, snapshot, policy): the one place that decides what a sign-in does to accounts.

Pure and total: the same arguments give the same answer, and once a plan is applied, planning again
gives one without steps.
"""

from dataclasses import replace
from typing import Literal

from passerelle.provisioning.email_address import EmailAddress
from passerelle.provisioning.mapping import (
    canonical_name,
    is_overflow,
    values_for_rule,
)
from passerelle.provisioning.matching import matched
from passerelle.provisioning.model import (
    ADMINISTRATION,
    NOT_COMPARED,
    SAME_PERSON,
    Account,
    ActivateAccount,
    CreateAccount,
    Give,
    Grant,
    KnownAs,
    LinkIdentity,
    Note,
    Plan,
    Policy,
    Profile,
    Refusal,
    Rule,
    Seen,
    Snapshot,
    Step,
    UpdateProfile,
    Withdraw,
)
from passerelle.provisioning.near_misses import near_misses

MAX_SUBJECT, MAX_SUBJECT_BYTES = 512, 1536
"""Of an identifier, characters and bytes. A persistent NameID has at most 256 (Core §8.3.7). An
index of PostgreSQL holds it beside the entity ID, of at most 1,024 bytes: 2,704 bytes in all."""


def plan(profile: Profile, snapshot: Snapshot, policy: Policy) -> Plan | Refusal:
    """Decide what a sign-in should change; change nothing."""
    if not snapshot.address_allowed:
        return Refusal("address_not_allowed")
    if profile.subject is None:
        return _no_subject(profile)
    if too_long := _too_long(profile.subject):
        return too_long
    if snapshot.by_identity is not None:
        return _returning(profile, snapshot.by_identity, snapshot, policy)
    if _was_removed(snapshot):
        return Refusal("user_removed")
    if profile.email is None:
        return _no_email(profile)
    if len(snapshot.by_emails) > 1:
        return _ambiguous(snapshot)
    if snapshot.by_emails:
        return _existing(profile, snapshot.by_emails[0], snapshot, policy)
    return _newcomer(profile, snapshot, policy)


def _too_long(subject: str) -> Refusal | None:
    for size, most, what in (
        (len(subject), MAX_SUBJECT, "characters"),
        (len(subject.encode()), MAX_SUBJECT_BYTES, "bytes"),
    ):
        if size > most:
            expected, received = f"at most {most} {what}", f"{size}"
            return Refusal("subject_too_long", expected=expected, received=received)
    return None


def _was_removed(snapshot: Snapshot) -> bool:
    """A removed person stays out, whatever address they bring now, until they are invited again."""
    if not snapshot.by_emails:
        return snapshot.identity_removed or bool(snapshot.removed_emails)
    invited = any(account.status == "invited" for account in snapshot.by_emails)
    return snapshot.identity_removed and not invited


def _ambiguous(snapshot: Snapshot) -> Refusal:
    """Several addresses were sent, and they lead to different accounts."""
    theirs = ", ".join(sorted(account.email.shown for account in snapshot.by_emails))
    return Refusal("identity_ambiguous", expected="one account", received=theirs[:500])


def _no_subject(profile: Profile) -> Refusal:
    if profile.name_id_received is None:
        return Refusal("subject_unstable", expected="an identifier that stays the same")
    return Refusal(
        "email_invalid",
        expected="an e-mail address as NameID, as its format says",
        received=profile.name_id_received,
    )


def _no_email(profile: Profile) -> Refusal:
    names = ", ".join(sorted(profile.names_sent)) or "no attributes"
    if profile.email_received is None:
        return Refusal("email_missing", expected="an attribute named email", received=names[:500])
    return Refusal("email_invalid", expected="an e-mail address", received=profile.email_received)


def _returning(
    profile: Profile, account: Account, snapshot: Snapshot, policy: Policy
) -> Plan | Refusal:
    if refusal := _barred(account):
        return refusal
    is_first = account.status == "invited"
    steps: list[Step] = [ActivateAccount()] if is_first else []
    notes: list[Note] = []
    if policy.update_profile:
        changes, kept = _profile_changes(profile, account, snapshot, policy)
        steps += [changes] if changes else []
        notes += kept
    seen = Seen()
    counted = policy if is_first else _of_each_sign_in(policy)
    if counted.rules or policy.sync_rules == "always" or is_first:
        seen = _seen(profile, account, snapshot, policy)
        rule_steps, rule_notes = _rights(profile, account, snapshot, counted, seen)
        steps += rule_steps
        notes += rule_notes
    known_as, duplicates = _known_as(account, snapshot)
    all_notes = (*notes, *duplicates)
    return Plan("signed_in", account.id, tuple(steps), all_notes, account.status, seen, known_as)


def _existing(
    profile: Profile, account: Account, snapshot: Snapshot, policy: Policy
) -> Plan | Refusal:
    """An account with this e-mail that no subject of this provider is linked to, or another is."""
    assert profile.subject is not None
    if account.linked_here:
        known = account.subject_here or None
        return Refusal("identity_conflict", known, profile.subject, account.id)
    if refusal := _barred(account):
        return refusal
    if policy.existing_accounts == "refuse":
        return Refusal("account_exists", expected="linking allowed", received=account.email.shown)
    if account.email.domain not in snapshot.verified_domains and not account.is_managed:
        return Refusal(
            "account_exists", expected="a verified domain", received=account.email.domain
        )
    steps: list[Step] = [LinkIdentity(profile.subject)]
    if account.status == "invited":
        steps.append(ActivateAccount())
    notes: list[Note] = []
    if policy.update_profile:
        changes, notes = _profile_changes(profile, account, snapshot, policy)
        steps += [changes] if changes else []
    seen = _seen(profile, account, snapshot, policy)
    rule_steps, rule_notes = _rights(profile, account, snapshot, policy, seen)
    known_as, duplicates = _known_as(account, snapshot)
    all_steps, all_notes = (*steps, *rule_steps), (*notes, *rule_notes, *duplicates)
    return Plan("linked", account.id, all_steps, all_notes, account.status, seen, known_as)


def _newcomer(profile: Profile, snapshot: Snapshot, policy: Policy) -> Plan | Refusal:
    assert profile.email is not None and profile.subject is not None
    # Another address does not make another person of somebody who was shut out.
    if refusal := _shut_out(snapshot):
        return replace(refusal, case=SAME_PERSON)
    if not snapshot.jit_available:
        return Refusal("jit_unavailable")
    if not policy.automatic or policy.default is None:
        return Refusal("jit_disabled")
    email = next((one for one in profile.emails if _is_allowed(one, snapshot, policy)), None)
    if email is None:
        return Refusal(
            "domain_not_allowed",
            expected=_allowed_domains(policy),
            received=profile.email.domain,
        )
    waiting = policy.newcomers == "approve"
    create = CreateAccount(
        email, profile.first_name, profile.last_name, "pending" if waiting else "active"
    )
    matched = _matched(profile, policy)
    # Whoever waits for a decision is made no administrator before it.
    gives = [
        Give(grant, "rule", why)
        for grant, why in sorted(matched.items())
        if not (waiting and grant == ADMINISTRATION)
    ]
    if all(give.grant == ADMINISTRATION for give in gives):
        gives.append(Give(policy.default, "default", "default"))
    known_as, duplicates = _known_as(None, snapshot)
    missing = _missing_notes(profile, policy, Seen())
    notes = (*missing, *near_misses(profile, policy, matched), *duplicates)
    steps: tuple[Step, ...] = (create, LinkIdentity(profile.subject), *gives)
    outcome: Literal["pending", "created"] = "pending" if waiting else "created"
    seen = _seen(profile, None, snapshot, policy)
    return Plan(outcome, None, steps, notes, seen=seen, known_as=known_as)


def _shut_out(snapshot: Snapshot) -> Refusal | None:
    if snapshot.same_person is None:
        return Refusal("user_removed") if snapshot.person_removed else None
    return _barred(snapshot.same_person)


def _barred(account: Account) -> Refusal | None:
    if account.status == "suspended":
        return Refusal("user_suspended", "active", "suspended", account.id)
    if account.status == "pending":
        return Refusal("approval_pending", "approved", "pending", account.id)
    return None


def _known_as(account: Account | None, snapshot: Snapshot) -> tuple[KnownAs | None, list[Note]]:
    """Whose subject this is, where that has changed, and a note on a second account of theirs.

    It only ever makes a suggestion: an attribute is not what people are known by.
    """
    before = account.known_as if account else None
    if not snapshot.person_mark or (before and before.mark == NOT_COMPARED):
        return None, []
    other = snapshot.same_person
    if other and account and other.id == account.id:
        other = None
    found = KnownAs(snapshot.person_mark, other.id if other else None)
    notes = [Note("same_person", other.email.shown)] if other else []
    return (found if found != before else None), notes


def _is_allowed(email: EmailAddress, snapshot: Snapshot, policy: Policy) -> bool:
    """Whether people with an address of this domain may get accounts."""
    if policy.domains == "verified":
        return email.domain in snapshot.verified_domains
    if policy.domains == "known":
        return email.domain in snapshot.verified_domains | snapshot.known_domains
    return email.domain in policy.domains


def _allowed_domains(policy: Policy) -> str:
    if isinstance(policy.domains, frozenset):
        return ", ".join(sorted(policy.domains))[:500] or "no domain"
    return f"a {policy.domains} domain"


def _profile_changes(
    profile: Profile, account: Account, snapshot: Snapshot, policy: Policy
) -> tuple[UpdateProfile | None, list[Note]]:
    """Names follow when they are sent; an e-mail follows only where it may and is free.

    One that somebody had who was removed is not free: mail and applications that go by the address
    would take the account for theirs.
    """
    first = _changed(profile.first_name, account.first_name)
    last = _changed(profile.last_name, account.last_name)
    email, notes = _followed_email(profile, account), []
    if email is None or email == account.email:
        email = None
    elif email.key != account.email.key:
        if obstacle := _obstacle(email, account, snapshot, policy):
            notes = [Note(obstacle, email.shown)]
            email = None
    if email is None and first is None and last is None:
        return None, notes
    return UpdateProfile(email, first, last), notes


def _obstacle(
    email: EmailAddress, account: Account, snapshot: Snapshot, policy: Policy
) -> str | None:
    """The note on why an account cannot have another address."""
    others = (found for found in snapshot.by_emails if found.id != account.id)
    if any(other.email.key == email.key for other in others):
        return "email_taken"
    if email.key in snapshot.removed_emails:
        return "email_removed"
    return None if _is_allowed(email, snapshot, policy) else "email_domain_not_allowed"


def _changed(sent: str, kept: str) -> str | None:
    return sent if sent and sent != kept else None


def _followed_email(profile: Profile, account: Account) -> EmailAddress | None:
    """The account's own address as it is spelt now, if it is among those sent; else the first."""
    own = (email for email in profile.emails if email.key == account.email.key)
    return next(own, profile.email)


def _of_each_sign_in(policy: Policy) -> Policy:
    """The policy with those rules alone that count at other sign-ins than the first."""
    rules = (one for one in policy.rules if (one.sync or policy.sync_rules) == "always")
    return replace(
        policy,
        rules=tuple(rules),
        only_at_first=tuple(
            one for one in policy.rules if (one.sync or policy.sync_rules) != "always"
        ),
    )


def _rights(
    profile: Profile, account: Account, snapshot: Snapshot, policy: Policy, seen: Seen
) -> tuple[list[Step], list[Note]]:
    """Give what rules say, and withdraw what only a rule gave and no rule says any more.

    A grant stays when a rule that could give it looks at an attribute of which nothing is known.
    An invited account without any right gets what a newcomer would.
    """
    matched = _matched(profile, policy)
    held = account.granted_by("rule")
    undecided = {rule.grant for rule in policy.rules if _is_undecided(rule, profile, seen)}
    undecided |= {rule.grant for rule in policy.only_at_first}
    by_hand = account.granted_by("hand") & {ADMINISTRATION}
    gives = [
        Give(grant, "rule", why)
        for grant, why in sorted(matched.items())
        if grant not in held | by_hand
    ]
    if (
        all(give.grant == ADMINISTRATION for give in gives)
        and _has_nothing_yet(account)
        and snapshot.jit_available
        and policy.automatic
    ):
        gives += [Give(policy.default, "default", "default")] if policy.default else []
    withdraws = [
        Withdraw(grant, "no rule gives it any more")
        for grant in sorted(held)
        if grant not in matched and grant not in undecided
    ]
    notes = [*_missing_notes(profile, policy, seen), *near_misses(profile, policy, matched)]
    return [*gives, *withdraws], notes


def _has_nothing_yet(account: Account) -> bool:
    """Invited without rights. Whoever has been here and has none, was left without on purpose."""
    return account.status == "invited" and not account.grants


def _is_undecided(rule: Rule, profile: Profile, seen: Seen) -> bool:
    missing = values_for_rule(profile.attributes, rule.attribute) is None
    return missing and canonical_name(rule.attribute) not in seen.left


def _seen(profile: Profile, account: Account | None, snapshot: Snapshot, policy: Policy) -> Seen:
    """What this sign-in shows of the attributes that rules read.

    Of a response that holds nothing else, or a link in place of the groups, nothing is learnt.
    """
    if not policy.rules:
        return Seen()
    attributes, read = profile.attributes, {rule.attribute for rule in policy.rules}
    unsent = {name for name in read if values_for_rule(attributes, name) is None}
    absent = {name for name in unsent if attributes and not is_overflow(attributes, name)}
    sent, gone = _canonical(read - unsent), _canonical(absent)
    before = _sent_before(account, policy) & _canonical(read) if account else frozenset()
    missed = gone & before if profile.absence_counts else frozenset()
    left = missed & snapshot.left_out
    kept = sent | (before - left)
    changed = account is None or kept != account.sent
    return Seen(sent, gone, left, missed - left, kept if changed else None)


def _canonical(names: set[str]) -> frozenset[str]:
    return frozenset(map(canonical_name, names))


def _sent_before(account: Account, policy: Policy) -> frozenset[str]:
    """What this provider sent for the person; a right that a rule gave shows what it looked at."""
    if account.sent is not None:
        return account.sent
    held = account.granted_by("rule")
    return _canonical({rule.attribute for rule in policy.rules if rule.grant in held})


def _matched(profile: Profile, policy: Policy) -> dict[Grant, str]:
    return matched(profile.attributes, policy.rules)


def _missing_notes(profile: Profile, policy: Policy, seen: Seen) -> list[Note]:
    missing = {
        rule.attribute
        for rule in policy.rules
        if values_for_rule(profile.attributes, rule.attribute) is None
    }
    return [Note(_missing_slug(name, seen), name) for name in sorted(missing)]


def _missing_slug(name: str, seen: Seen) -> str:
    """Which rule was applied to an attribute that is missing."""
    same = canonical_name(name)
    if same in seen.left:
        return "attribute_left"
    return "attribute_stopped" if same in seen.held else "attribute_missing"
