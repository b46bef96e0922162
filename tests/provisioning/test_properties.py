"""What holds for every profile, snapshot and policy, whatever they are."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from passerelle.provisioning import (
    AttributeNames,
    Plan,
    Policy,
    Profile,
    Refusal,
    Snapshot,
    parse_email,
    plan,
    read_profile,
)
from passerelle.provisioning.describe import NOTES, REFUSED, describe_step
from passerelle.provisioning.mapping import (
    NAME_ID_EMAIL,
    NAME_ID_TRANSIENT,
    canonical_name,
    for_rules,
    is_overflow,
    values_for_rule,
)
from passerelle.provisioning.model import (
    NOT_COMPARED,
    Account,
    CreateAccount,
    Give,
    Grant,
    KnownAs,
    LinkIdentity,
    Note,
    Rule,
    UpdateProfile,
    Withdraw,
)
from tests.provisioning.accounts import IDP, address, applied

pytestmark = pytest.mark.thorough

some = settings(deadline=None, max_examples=60, database=None)
many = settings(some, max_examples=250)
very_many = settings(some, max_examples=600)

ADDRESSES = [
    address(text)
    for text in ("grace@acme.example", "Grace@acme.example", "ada@acme.example", "ada@b.example")
]
addresses = st.sampled_from(ADDRESSES)
names = st.sampled_from(["", "Grace", "Ada"])
domains = st.frozensets(st.sampled_from(["acme.example", "b.example"]))
marks = st.sampled_from(["", "mark", "another mark", NOT_COMPARED])
attributes_read = st.sampled_from(["groups", "role"])
grants = st.builds(Grant, st.sampled_from("vw"), st.sampled_from("pq"))
sources = st.sampled_from(["hand", "default", "rule", "scim", "invitation"])
statuses = st.sampled_from(["invited", "pending", "active", "suspended"])
values = st.sampled_from(["a", "b", "ab", ""])
attribute_names = st.sampled_from(
    ["groups", "Groups", "memberOf", "role", "http://schemas.microsoft.com/claims/groups.link"]
)
attributes = st.dictionaries(attribute_names, st.lists(values, max_size=3).map(tuple), max_size=4)
rules = st.one_of(
    st.builds(Rule, attribute_names, grants, equals=values),
    st.builds(Rule, attribute_names, grants, matches=st.sampled_from(["a.*", "b?", "[ab]+"])),
)
policies = st.builds(
    Policy,
    automatic=st.booleans(),
    default=st.none() | grants,
    domains=st.sampled_from(["known", "verified", frozenset(), frozenset({"b.example"})]),
    newcomers=st.sampled_from(["create", "approve"]),
    existing_accounts=st.sampled_from(["link", "refuse"]),
    update_profile=st.booleans(),
    sync_rules=st.sampled_from(["always", "first_sign_in"]),
    rules=st.lists(rules, max_size=4).map(tuple),
)
profiles = st.builds(
    Profile,
    idp_entity_id=st.just(IDP),
    subject=st.sampled_from([*["u-1"] * 7, None]),
    emails=st.lists(addresses, max_size=3, unique_by=lambda one: one.key).map(tuple),
    email_received=st.sampled_from([None, "odd"]),
    name_id_received=st.sampled_from([None, "odd"]),
    first_name=names,
    last_name=names,
    attributes=attributes.map(for_rules),
    absence_counts=st.sampled_from([True, True, True, False]),
)


@st.composite
def situations(draw) -> tuple[Profile, Snapshot, Policy]:
    """A profile with accounts that a snapshot could really hold for it."""
    who = draw(profiles)
    by_emails = []
    for number, email in enumerate(who.emails):
        if draw(st.sampled_from([True, True, False])):
            same = [one for one in ADDRESSES if one.key == email.key]
            by_emails.append(draw(accounts(f"a-{number}", st.sampled_from(same))))
    by_identity = None
    if who.subject and draw(st.booleans()):
        linked = [one for one in by_emails if one.linked_here]
        keys = {one.key for one in who.emails}
        others = [one for one in ADDRESSES if one.key not in keys]
        other = draw(accounts("a-9", st.sampled_from(others), linked=True)) if others else None
        by_identity = draw(st.sampled_from([*linked, other]))
    before = draw(snapshots(by_identity, tuple(by_emails), who.emails))
    mark = draw(st.sampled_from(["", "mark"]))
    same = draw(st.none() | accounts("a-8", addresses, linked=True)) if mark else None
    return who, replace(before, person_mark=mark, same_person=same), draw(policies)


def accounts(number: str, emails, *, linked: bool | None = None):
    return st.builds(
        Account,
        id=st.just(number),
        status=statuses,
        email=emails,
        first_name=names,
        last_name=names,
        linked_here=st.booleans() if linked is None else st.just(linked),
        grants=st.frozensets(st.tuples(grants, sources), max_size=5),
        sent=st.none() | st.frozensets(attributes_read),
        known_as=st.none()
        | st.builds(KnownAs, st.sampled_from(["", "mark", "other", NOT_COMPARED])),
    )


def snapshots(by_identity, by_emails, emails):
    keys = [one.key for one in emails]
    removed = st.frozensets(st.sampled_from(keys)) if keys else st.just(frozenset())
    return st.builds(
        Snapshot,
        jit_available=st.booleans(),
        address_allowed=st.sampled_from([*[True] * 7, False]),
        by_identity=st.just(by_identity),
        by_emails=st.just(by_emails),
        identity_removed=st.sampled_from([False, False, True]),
        removed_emails=removed,
        verified_domains=domains,
        known_domains=domains,
        left_out=st.frozensets(attributes_read),
    )


@given(situations())
@some
def test_the_same_question_has_the_same_answer(situation):
    assert plan(*situation) == plan(*situation)


@given(situations())
@some
def test_there_is_always_an_answer_and_a_sentence_for_it(situation):
    answer = plan(*situation)
    if isinstance(answer, Refusal):
        assert answer.reason in REFUSED
        return
    assert {note.slug for note in answer.notes} <= set(NOTES)
    for step in answer.steps:
        template, filled = describe_step(step, {})
        assert template % filled


@given(situations())
@many
def test_planning_again_after_applying_changes_nothing(situation):
    who, before, settings_ = situation
    first = plan(who, before, settings_)
    if isinstance(first, Refusal):
        return
    second = plan(who, applied(before, first, who), settings_)
    if first.outcome == "pending":
        assert second == Refusal("approval_pending", "approved", "pending")
    else:
        assert (second.outcome, second.steps) == ("signed_in", ())


@given(situations())
@some
def test_only_what_a_rule_gave_is_ever_withdrawn(situation):
    who, before, settings_ = situation
    found = account_of(before)
    held = found.granted_by("rule") if found else frozenset()
    answer = plan(who, before, settings_)
    withdrawn = {one.grant for one in steps_of(answer) if isinstance(one, Withdraw)}
    given_ = {one.grant for one in steps_of(answer) if isinstance(one, Give)}
    assert withdrawn <= held
    assert not withdrawn & given_


@given(situations())
@many
def test_what_is_absent_withdraws_only_what_this_person_was_sent_and_others_still_are(situation):
    who, before, settings_ = situation
    answer = plan(who, before, settings_)
    withdrawn = {one.grant for one in steps_of(answer) if isinstance(one, Withdraw)}
    for rule in settings_.rules:
        if values_for_rule(who.attributes, rule.attribute) is None and rule.grant in withdrawn:
            name = canonical_name(rule.attribute)
            sent = account_of(before).sent
            assert who.absence_counts
            assert name in before.left_out
            assert sent is None or name in sent
            assert who.attributes
            assert not is_overflow(who.attributes, rule.attribute)


@given(situations())
@many
def test_the_default_is_given_only_to_newcomers_and_to_the_invited_without_any_right(situation):
    who, before, settings_ = situation
    answer = plan(who, before, settings_)
    gives = [one for one in steps_of(answer) if isinstance(one, Give)]
    if any(one.source == "default" for one in gives):
        assert len(gives) == 1
        assert settings_.automatic
        assert before.jit_available
        found = account_of(before)
        assert found is None or (found.status, found.grants) == ("invited", frozenset())


@given(situations())
@many
def test_an_account_s_address_stays_while_it_is_among_those_sent(situation):
    who, before, settings_ = situation
    found = account_of(before)
    kept = found and found.email.key in {one.key for one in who.emails}
    for step in steps_of(plan(who, before, settings_)):
        if kept and isinstance(step, UpdateProfile) and step.email:
            assert step.email.key == found.email.key


@given(situations())
@some
def test_addresses_of_two_accounts_lead_to_neither(situation):
    who, before, settings_ = situation
    if before.by_identity is None and len(before.by_emails) > 1:
        assert isinstance(plan(who, before, settings_), Refusal)


@given(situations())
@some
def test_only_a_newcomer_is_created_and_only_with_the_company_s_consent(situation):
    who, before, settings_ = situation
    answer = plan(who, before, settings_)
    creates = [one for one in steps_of(answer) if isinstance(one, CreateAccount)]
    is_new = isinstance(answer, Plan) and answer.outcome in ("created", "pending")
    assert len(creates) == is_new
    if is_new:
        assert answer.account is None
        assert (before.by_identity, before.by_emails) == (None, ())
        assert not before.identity_removed
        assert not before.removed_emails
        assert before.jit_available
        assert settings_.automatic
        assert any(isinstance(one, Give) for one in answer.steps)
        assert creates[0].status == ("pending" if answer.outcome == "pending" else "active")


@given(situations())
@some
def test_nobody_is_linked_to_an_account_of_another_subject(situation):
    who, before, settings_ = situation
    answer = plan(who, before, settings_)
    if any(isinstance(one, LinkIdentity) for one in steps_of(answer)):
        assert before.by_identity is None
        for found in before.by_emails:
            assert not found.linked_here
            assert found.email.domain in before.verified_domains


@given(situations())
@some
def test_an_account_that_is_closed_stays_closed(situation):
    who, before, settings_ = situation
    found = account_of(before)
    if found and found.status in ("suspended", "pending"):
        assert isinstance(plan(who, before, settings_), Refusal)


@given(situations())
@many
def test_looking_like_somebody_gives_nothing_and_closes_the_door_only_to_newcomers(situation):
    who, before, settings_ = situation
    answer = plan(who, before, settings_)
    unlike = plan(who, replace(before, same_person=None), settings_)
    other = before.same_person
    if isinstance(unlike, Plan) and isinstance(answer, Refusal):
        assert unlike.account is None
        assert (other.status, answer.account) in {("suspended", "a-8"), ("pending", "a-8")}
    elif isinstance(answer, Plan):
        assert answer.steps == unlike.steps
        said = {Note("same_person", other.email.shown)} if other else set()
        assert set(answer.notes) - set(unlike.notes) <= said
    else:
        assert answer == unlike or other.status in ("suspended", "pending")


@given(situations())
@some
def test_what_is_known_of_the_person_behind_a_subject_is_written_once(situation):
    who, before, settings_ = situation
    first = plan(who, before, settings_)
    if isinstance(first, Plan) and first.outcome != "pending":
        assert plan(who, applied(before, first, who), settings_).known_as is None


@given(situations())
@some
def test_an_address_never_becomes_that_of_another_account(situation):
    who, before, settings_ = situation
    for step in steps_of(plan(who, before, settings_)):
        if isinstance(step, UpdateProfile) and step.email:
            mine = account_of(before)
            taken = {one.email.key for one in before.by_emails if one.id != mine.id}
            assert step.email.key not in taken


@given(situations())
@very_many
def test_an_address_of_somebody_who_was_removed_goes_to_no_other_account_and_that_is_said(
    situation,
):
    who, before, settings_ = situation
    answer, mine = plan(who, before, settings_), account_of(before)
    for step in steps_of(answer):
        if isinstance(step, UpdateProfile) and step.email and step.email.key != mine.email.key:
            assert step.email.key not in before.removed_emails
    for note in answer.notes if isinstance(answer, Plan) else ():
        if note.slug == "email_removed":
            assert parse_email(note.value).key in before.removed_emails - {mine.email.key}


@given(situations(), st.randoms(use_true_random=False))
@some
def test_the_order_of_attributes_does_not_matter(situation, random):
    who, before, settings_ = situation
    shuffled = list(who.attributes.items())
    random.shuffle(shuffled)
    other = Profile(
        who.idp_entity_id,
        who.subject,
        who.emails,
        who.email_received,
        who.name_id_received,
        who.first_name,
        who.last_name,
        {name: tuple(reversed(values)) for name, values in shuffled},
        who.names_sent,
        who.absence_counts,
    )
    assert plan(other, before, settings_) == plan(who, before, settings_)


@given(situations())
@some
def test_a_refusal_has_no_steps(situation):
    answer = plan(*situation)
    assert isinstance(answer, Plan) != isinstance(answer, Refusal)
    assert not (isinstance(answer, Refusal) and hasattr(answer, "steps"))


def account_of(before):
    return before.by_identity or next(iter(before.by_emails), None)


def steps_of(answer):
    return answer.steps if isinstance(answer, Plan) else ()


@given(
    name_id=st.text(max_size=20),
    name_id_format=st.sampled_from(["", NAME_ID_EMAIL, NAME_ID_TRANSIENT]),
    attributes=st.dictionaries(
        st.sampled_from(["email", "mail", "givenName", "sn", "groups", "uid"])
        | st.text(max_size=5),
        st.lists(st.text(max_size=20), max_size=3).map(tuple),
        max_size=5,
    ),
    names=st.sampled_from([AttributeNames(), AttributeNames(subject="uid", email="mail")]),
)
@some
def test_whatever_is_sent_there_is_a_profile_and_an_answer(**sent):
    who = read_profile(idp_entity_id=IDP, **sent)
    found = Snapshot(jit_available=True, known_domains=frozenset({"acme.example"}))
    assert plan(who, found, Policy(True, Grant("w", "p"), rules=(Rule("groups", Grant("w", "p")),)))
    assert len(who.first_name) <= 150
    assert who.email is None or len(who.email.key) <= 254


TRICKY = "ßẞſKÅſίΐςσΣİıeE\u0301\u0345éÉℌﬁ。．.-_xnaA@ １1\u200d\u00ad"
texts = st.text(alphabet=TRICKY, min_size=1, max_size=6)


@given(st.tuples(texts, texts), st.tuples(texts, texts))
@very_many
@example(("a", "stra\u00dfe"), ("a", "strasse"))
@example(("a", "φίλος"), ("a", "φίλοσ"))
@example(("a", "a。b"), ("a", "a.b"))
@example(("a", " a"), ("a", "a"))
@example(("ß", "a"), ("ss", "a"))
def test_two_addresses_are_one_only_if_they_differ_by_case_or_composition(one, other):
    texts_ = [f"{local}@{domain}.example" for local, domain in (one, other)]
    found = [parse_email(text) for text in texts_]
    if all(found) and found[0].key == found[1].key:
        assert _local(texts_[0]) == _local(texts_[1])
        assert _domain(texts_[0]) == _domain(texts_[1])


def _local(text):
    return unicodedata.normalize("NFC", text).rpartition("@")[0].casefold().strip()


def _domain(text):
    """Letter by letter: no letter of a domain may become two, or another one."""
    domain = unicodedata.normalize("NFC", text).rpartition("@")[2]
    return unicodedata.normalize("NFC", "".join(one.lower() for one in domain))


@given(texts)
@some
def test_an_address_that_is_read_again_is_the_same(local):
    found = parse_email(f"{local}@acme.example")
    if found:
        assert parse_email(found.shown) == found
        assert parse_email(found.key).key == found.key


@given(st.text(max_size=300))
@some
def test_no_text_breaks_the_reading_of_addresses(text):
    found = parse_email(text) or parse_email(f"a@{text}.example")
    assert found is None or found.domain == found.domain.lower()
