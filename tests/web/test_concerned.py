"""See before you save: whom the rest of the Security settings would concern at once.

What a section says beforehand is held against what happens once it is saved.
"""

import re
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.administration import impact
from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Company, User
from passerelle.infra.tokens import digest
from passerelle.sso.models import Session, SignIn, Totp
from passerelle.sso.sessions.enforcement import may_use_password, people_with_password
from passerelle.sso.sessions.session import find_session, open_session
from passerelle.sso.sign_in.google import ISSUER
from passerelle.sso.sign_in.password_rules import is_expired
from tests.browsing import Browser
from tests.configfile.files import metadata_of
from tests.web.test_security_settings import PAGE, fields_of
from tests.world import idp_of, load_certificate_of, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
HASH = make_password("a password of these tests")
NOBODY = "Nobody is affected at once"


def rules_of(acme, **changes) -> dict[str, object]:
    """The form with the sections about rules, networks and the second factor."""
    rules = {
        "rules": "on",
        "password_min_length": acme.password_min_length,
        "password_reuse": acme.password_reuse,
        "password_expiry_days": acme.password_expiry_days,
        "session_minutes": acme.session_minutes,
        "two_factor": acme.two_factor,
        "ip_allowlist": "\n".join(acme.ip_allowlist),
    }
    return fields_of(acme, **{**rules, **changes})


def told(alice: Browser, part: str, fields, **extra) -> str:
    address = f"/settings/security/effect/?connection=acme&part={part}"
    answer = alice.post(address, fields, **extra)
    assert answer.status_code == 200
    return re.sub(r"<[^>]+>|\s+", " ", answer.content.decode())


def with_password(acme, email: str, *, days_ago: int = 0, **fields) -> User:
    since = datetime.now(UTC) - timedelta(days=days_ago)
    return make_user(acme, email, password=HASH, password_set_at=since, **fields)


def a_session(user: User, *, minutes_ago: int = 0, now: datetime | None = None, **fields) -> str:
    """A session of somebody, last used so long ago; its key."""
    then = (now or datetime.now(UTC)) - timedelta(minutes=minutes_ago)
    return open_session(user, now=then, **{"connection": None, **fields})


def test_passwords_that_would_be_too_old_are_named_with_their_age(acme, alice):
    with_password(acme, "old@acme.example", days_ago=200)
    with_password(acme, "new@acme.example", days_ago=10)
    page = told(alice, "rules", rules_of(acme, password_expiry_days=180))
    assert "1 person would have to choose a new password at their next sign-in by password" in page
    assert "old@acme.example" in page
    assert "new@acme.example" not in page
    then = datetime.now(UTC) - timedelta(days=200)
    assert f"{then:%B %Y}" in page


def test_passwords_that_ended_and_would_count_again_are_named(acme, alice):
    Company.objects.update(password_expiry_days=90)
    with_password(acme, "old@acme.example", days_ago=200)
    page = told(alice, "rules", rules_of(acme, password_expiry_days=0))
    assert "1 person could go on with a password that has expired" in page
    assert "old@acme.example" in page


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 401))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_password_is_named_exactly_if_it_would_have_to_be_replaced(acme, before, after, age):
    now = datetime.now(UTC)
    user = User(company=acme, password_set_at=now - timedelta(days=age))
    User.objects.filter(email="p@acme.example").delete()
    with_password(acme, "p@acme.example", days_ago=0)
    User.objects.filter(email="p@acme.example").update(password_set_at=user.password_set_at)
    was, would = Company(), Company()
    was.__dict__.update(acme.__dict__, password_expiry_days=before)
    would.__dict__.update(acme.__dict__, password_expiry_days=after)
    user.company = was
    ended_before = is_expired(user, now=now)
    user.company = would
    ended_after = is_expired(user, now=now)
    assert impact.passwords_ended(was, would, now=now).count == (ended_after and not ended_before)
    assert impact.passwords_good_again(was, would, now=now).count == (
        ended_before and not ended_after
    )


def test_nobody_s_password_changes_by_rules_for_the_next_one(acme, alice):
    with_password(acme, "p@acme.example")
    page = told(alice, "rules", rules_of(acme, password_min_length=20))
    assert "1 person has a password and keeps it" in page
    assert NOBODY in told(alice, "rules", rules_of(acme))


@pytest.mark.parametrize("minutes", [1, 9, 10, 60, 90, 1440])
def test_the_sessions_that_it_says_would_end_are_those_that_end(acme, alice, minutes):
    bob = make_user(acme, "bob@acme.example")
    keys = [a_session(bob, minutes_ago=ago) for ago in (0, 8, 12, 50, 64, 70, 300, 1400)]
    page = told(alice, "rules", rules_of(acme, session_minutes=minutes))
    assert alice.post(PAGE, rules_of(acme, session_minutes=minutes)).status_code == 302
    ended = sum(find_session(key, is_used=False, now=datetime.now(UTC)) is None for key in keys)
    if ended:
        assert f"{ended} open session" in page
        assert "bob@acme.example" in page
    else:
        assert NOBODY in page
    assert alice.get("/settings/security/").status_code == 200


def test_switching_saml_off_tells_whose_sessions_end_and_who_has_no_other_way(acme, alice):
    acme.automatic_user_provisioning = False
    acme.save()
    User.objects.filter(is_administrator=True).update(password=HASH)
    connection = acme.connections.get()
    for email, password in (("only@acme.example", ""), ("both@acme.example", HASH)):
        user = make_user(acme, email, password=password or User.no_password())
        user.identities.create(
            company=acme,
            connection=connection,
            idp_entity_id=idp_of("acme"),
            subject=email,
            created_at=user.created_at,
        )
        a_session(user, connection=connection)
    fields = fields_of(acme, saml_enabled=None)
    page = told(alice, "saml", fields)
    assert "2 open sessions would end" in page
    ways = page.split("1 person could not sign in any more by a way")[1]
    assert "only@acme.example" in ways
    assert "both@acme.example" not in ways
    assert alice.post(PAGE, fields).status_code == 302
    assert not Session.objects.filter(connection=connection).exists()


def test_another_identity_provider_ends_the_sessions_of_the_one_before(acme, alice):
    connection = acme.connections.get()
    a_session(make_user(acme, "bob@acme.example"), connection=connection)
    assert NOBODY in told(alice, "saml", fields_of(acme, target_url="https://idp.example/other"))
    pem = load_certificate_of("another").pem
    fields = fields_of(acme, idp_entity_id="https://other.example/idp", new_certificates=pem)
    assert "1 open session would end" in told(alice, "saml", fields)
    assert alice.post(PAGE, fields).status_code == 302
    assert not Session.objects.filter(connection=connection).exists()


def test_switching_google_off_tells_whose_sessions_end_and_who_has_no_other_way(acme, alice):
    acme.automatic_user_provisioning = False
    acme.google_sso_enabled, acme.google_client_id = True, "client"
    acme.google_client_secret, acme.google_hosted_domain = "sealed", "acme.example"
    acme.save()
    user = make_user(acme, "bob@acme.example")
    user.identities.create(
        company=acme, idp_entity_id=ISSUER, subject="1", created_at=user.created_at
    )
    a_session(user, by_google=True)
    on = {"google_sso_enabled": "on"}
    assert NOBODY in told(alice, "google", fields_of(acme, **on))
    page = told(alice, "google", fields_of(acme, **on, google_hosted_domain="b.example"))
    assert "1 open session would end" in page
    assert "1 person could not sign in any more by a way" in page
    page = told(alice, "google", fields_of(acme))
    assert "1 open session would end" in page
    assert "1 person could not sign in any more by a way" in page


def came_from(acme, email: str, address: str, **fields) -> None:
    user = acme.users.filter(email=email).first() or make_user(acme, email)
    values = {"user": user, "email": email, "outcome": "signed_in", "time": datetime.now(UTC)}
    values |= {"company": acme, "reference": "AAA-AAA", "address": address}
    SignIn.objects.create(**values | fields)


def test_who_came_last_from_outside_the_networks_is_named_with_the_address(acme, alice):
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    came_from(acme, "out@acme.example", "203.0.113.7", time=hour_ago)
    came_from(acme, "moved@acme.example", "203.0.113.8", time=hour_ago)
    came_from(acme, "moved@acme.example", "198.51.100.9")
    came_from(acme, "six@acme.example", "2001:db8::1")
    fields = rules_of(acme, ip_allowlist="198.51.100.0/24\n127.0.0.0/8")
    page = told(alice, "networks", fields)
    assert "2 people came last from outside these networks" in page
    assert "out@acme.example · 203.0.113.7" in page
    assert "six@acme.example · 2001:db8::1" in page
    assert "moved@" not in page
    assert alice.post(PAGE, fields).status_code == 302
    bob = Browser().enter(acme.users.get(email="out@acme.example"))
    assert bob.get("/account/", REMOTE_ADDR="203.0.113.7").status_code == 302
    assert bob.get("/account/", REMOTE_ADDR="198.51.100.1").status_code == 200


def test_who_was_refused_for_their_network_and_would_be_let_in_is_named(acme, alice):
    Company.objects.update(ip_allowlist=["127.0.0.0/8"])
    acme.refresh_from_db()
    refused = {"user": None, "outcome": "refused", "reason": "address_not_allowed"}
    came_from(acme, "out@acme.example", "203.0.113.7", **refused)
    page = told(alice, "networks", rules_of(acme, ip_allowlist=""))
    assert "1 person or address was refused because of the network" in page
    assert "out@acme.example · 203.0.113.7" in page
    assert NOBODY in told(alice, "networks", rules_of(acme))


def test_a_network_that_shuts_out_whoever_saves_is_said_at_once(acme, alice):
    page = told(alice, "networks", rules_of(acme, ip_allowlist="203.0.113.0/24"))
    assert "This would shut you out: you come from 127.0.0.1" in page


def test_a_second_factor_for_everybody_names_who_has_none(acme, alice):
    with_password(acme, "none@acme.example")
    one = with_password(acme, "one@acme.example")
    Totp.objects.create(company=acme, user=one, sealed_secret="sealed", created_at=one.created_at)
    page = told(alice, "factor", rules_of(acme, two_factor="required"))
    assert "1 person with a password has no authenticator app" in page
    assert "none@acme.example" in page
    assert NOBODY in told(alice, "factor", rules_of(acme))
    Company.objects.update(two_factor="required")
    page = told(alice, "factor", rules_of(acme, two_factor="optional"))
    assert "1 person could enter by password alone" in page


@pytest.mark.parametrize("enforcement", Company.Enforcement.values)
def test_whose_password_counts_is_the_same_in_a_list_as_for_one(acme, enforcement):
    Company.objects.update(sso_enforcement=enforcement)
    acme.refresh_from_db()
    flags = ("is_administrator", "breaks_glass", "tests_sso")
    for number, values in enumerate(product((True, False), repeat=3)):
        with_password(acme, f"p{number}@acme.example", **dict(zip(flags, values, strict=True)))
    make_user(acme, "no-password@acme.example")
    with_password(acme, "away@acme.example", status="suspended")
    everybody = acme.users.filter(status="active").select_related("company")
    expected = {one.email for one in everybody if one.has_password and may_use_password(one)}
    assert {one.email for one in people_with_password(acme)} == expected


def test_what_cannot_be_saved_is_said_in_place_of_an_effect(acme, alice):
    page = told(alice, "rules", rules_of(acme, session_minutes=2000))
    assert "Correct this first: Minutes until an unused session ends: Enter" in page
    acme.automatic_user_provisioning = False
    acme.save()
    page = told(alice, "saml", fields_of(acme, saml_enabled=None))
    assert "Correct this first: SAML SSO is on: Nobody could sign in any more" in page


def test_without_a_script_every_section_tells_on_the_page(acme, alice):
    with_password(acme, "old@acme.example", days_ago=200)
    came_from(acme, "old@acme.example", "203.0.113.7")
    fields = rules_of(acme, password_expiry_days=90, ip_allowlist="127.0.0.0/8")
    answer = alice.post("/settings/security/effect/?connection=acme", fields)
    page = answer.content.decode()
    assert "would have to choose a new password" in page
    assert "came last from outside these networks" in page
    assert page.count(NOBODY) == 3
    assert 'name="password_expiry_days" value="90"' in page


def test_many_are_counted_and_the_first_are_named(acme, alice):
    for number in range(25):
        user = with_password(acme, f"p{number:02}@acme.example", days_ago=100 + number)
        for _ in range(2):
            a_session(user, minutes_ago=30)
    fields = rules_of(acme, password_expiry_days=90, session_minutes=10)
    page = told(alice, "rules", fields)
    assert "25 people would have to choose" in page
    assert "50 open sessions would end" in page
    assert page.count("and 5 more people") == 2
    assert "p00@acme.example" not in page.split("open sessions")[0]


def test_nothing_is_written_and_nobody_of_another_company_is_told_of(acme, alice):
    globex = make_company("globex")
    with_password(globex, "old@globex.example", days_ago=300)
    a_session(with_password(globex, "idle@globex.example"), minutes_ago=100)
    came_from(globex, "idle@globex.example", "203.0.113.7")
    before = AuditEvent.objects.count(), Session.objects.count()
    fields = rules_of(acme, password_expiry_days=90, session_minutes=5, ip_allowlist="127.0.0.0/8")
    for part in ("rules", "saml", "google", "networks", "factor"):
        assert "globex" not in told(alice, part, fields)
    assert (AuditEvent.objects.count(), Session.objects.count()) == before
    acme.refresh_from_db()
    assert acme.password_expiry_days == 0
    mallory = Browser().enter(make_administrator(globex))
    address = "/settings/security/effect/?connection=acme&part=rules"
    assert mallory.post(address, fields).status_code == 404
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    assert member.post(address, fields).status_code == 403


@pytest.mark.parametrize("part", ["rules", "saml", "google", "networks", "factor"])
def test_it_takes_a_bounded_number_of_queries(acme, alice, part, django_assert_max_num_queries):
    connection = acme.connections.get()
    for number in range(40):
        user = with_password(acme, f"p{number}@acme.example", days_ago=100)
        a_session(user, minutes_ago=30, connection=connection)
        came_from(acme, user.email, "203.0.113.7")
    changes = {"password_expiry_days": 90, "session_minutes": 5, "two_factor": "required"}
    fields = rules_of(acme, **changes, ip_allowlist="127.0.0.0/8", idp_entity_id="https://other")
    with django_assert_max_num_queries(22):
        told(alice, part, fields)


def test_whoever_saves_fewer_minutes_than_they_have_been_idle_stays_signed_in(acme, alice):
    key = alice.cookies[django_settings.SESSION_COOKIE].value
    then = datetime.now(UTC) - timedelta(minutes=4)
    Session.objects.filter(key_digest=digest(key)).update(last_seen_at=then)
    fields = rules_of(acme, session_minutes=2)
    assert NOBODY in told(alice, "rules", fields)
    assert alice.post(PAGE, fields).status_code == 302
    assert alice.get("/settings/security/").status_code == 200


def test_who_has_to_replace_a_password_is_not_said_to_keep_it(acme, alice):
    with_password(acme, "old@acme.example", days_ago=200)
    with_password(acme, "new@acme.example")
    page = told(alice, "rules", rules_of(acme, password_expiry_days=90, password_min_length=20))
    assert "1 person would have to choose a new password" in page
    assert "1 person has a password and keeps it" in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metadata": "<broken"}, "Correct this first"),
        ({"name": ""}, "Correct this first"),
        ({"metadata_url": "https://idp.example/new"}, "is known once it is read"),
    ],
)
def test_what_metadata_would_do_is_said_or_said_to_be_unknown(acme, alice, changes, sentence):
    page = told(alice, "saml", fields_of(acme, **changes))
    assert sentence in page
    assert NOBODY not in page


def test_metadata_of_another_provider_ends_the_sessions_of_the_one_before(acme, alice):
    a_session(make_user(acme, "bob@acme.example"), connection=acme.connections.get())
    metadata = metadata_of("other").decode()
    page = told(alice, "saml", fields_of(acme, metadata=metadata))
    assert "1 open session would end" in page


def test_other_names_of_attributes_tell_who_would_be_taken_for_whom(acme, alice):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    fields = fields_of(acme, advanced="on", email_attribute="nothing")
    assert NOBODY in told(alice, "saml", fields)  # Whoever has an account is known by the subject.
    User.objects.get(email="grace@acme.example").delete()
    page = told(alice, "saml", fields)
    assert "1 × refused, instead of let in" in page
    assert "grace@acme.example" in page
    provisioning = told(alice, "provisioning", fields)
    assert "1 × refused, instead of let in" in provisioning


def test_somebody_suspended_or_unnamed_is_counted_rightly_where_networks_change(acme, alice):
    came_from(acme, "away@acme.example", "203.0.113.7")
    acme.users.filter(email="away@acme.example").update(status="suspended")
    assert NOBODY in told(alice, "networks", rules_of(acme, ip_allowlist="127.0.0.0/8"))
    Company.objects.update(ip_allowlist=["127.0.0.0/8"])
    acme.refresh_from_db()
    door = Browser()
    answer = door.post(
        "/login/acme/", {"email": "x@acme.example", "password": "x"}, REMOTE_ADDR="203.0.113.9"
    )
    assert answer.status_code == 403
    page = told(alice, "networks", rules_of(acme, ip_allowlist=""))
    assert "1 person or address was refused because of the network" in page
    assert "203.0.113.9" in page


def test_it_says_so_when_not_all_sign_ins_were_looked_at(acme, alice, monkeypatch):
    monkeypatch.setattr(impact, "SIGN_INS", 2)
    for number in range(2):
        came_from(acme, f"p{number}@acme.example", "203.0.113.7")
    page = told(alice, "networks", rules_of(acme, ip_allowlist="127.0.0.0/8"))
    assert "From the newest" in page


def test_a_part_that_is_none_is_not_found(acme, alice):
    for part in ("", "nothing", "enforcement"):
        answer = alice.post(f"/settings/security/effect/?part={part}", rules_of(acme))
        assert answer.status_code == 404


def test_another_provider_tells_who_could_not_come_and_guesses_nothing_else(acme, alice):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    pem = load_certificate_of("another").pem
    fields = fields_of(acme, idp_entity_id="https://wrong.example/idp", new_certificates=pem)
    page = told(alice, "saml", fields)
    assert "could not sign in any more by a way" in page
    assert "With these settings" not in page
    assert "nobody signs in through this connection" in told(alice, "provisioning", fields)


def test_an_expiry_that_ends_no_password_yet_tells_which_is_the_first(acme, alice):
    with_password(acme, "old@acme.example", days_ago=50)
    with_password(acme, "old-too@acme.example", days_ago=50)
    with_password(acme, "new@acme.example", days_ago=2)
    page = told(alice, "rules", rules_of(acme, password_expiry_days=90))
    assert "old-too@acme.example" in page
    assert "new@acme.example" not in page
    assert "Nobody’s password is too old yet" in page
    then = datetime.now(UTC) + timedelta(days=40)
    assert f"{then:%B %Y} on: old@acme.example" in " ".join(page.split())


@pytest.mark.parametrize("minutes", ["99999", "9999", "0", "no number"])
def test_minutes_that_cannot_be_get_one_sentence_with_all_limits(acme, alice, minutes):
    page = told(alice, "rules", rules_of(acme, session_minutes=minutes))
    assert "Minutes until an unused session ends: Enter a whole number from 1 to 1440" in page
