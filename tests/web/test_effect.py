"""See before you save: whom other provisioning settings would treat otherwise."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html

from passerelle.administration.provisioning_impact import impact_of, recent_claims
from passerelle.audit.models import AuditEvent
from passerelle.directory.marks import mark_of_email
from passerelle.directory.models import Tombstone, User
from passerelle.directory.snapshot import load_snapshot, load_snapshots
from passerelle.jobs.housekeeping import purge
from passerelle.practice_idp.people import Person
from passerelle.provisioning import parse_email
from passerelle.provisioning.model import Profile
from passerelle.sso.models import SignIn
from tests.browsing import Browser
from tests.web.test_passwords import with_password
from tests.web.test_security_settings import PAGE, fields_of
from tests.world import (
    NOW,
    give,
    load_certificate_of,
    make_administrator,
    make_company,
    make_rule,
    make_user,
)

pytestmark = pytest.mark.django_db
EFFECT = "/settings/security/effect/?connection=acme"


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


def came(connection, number: int, *, domain: str = "acme.example") -> None:
    person = Person(f"u-{number}", f"p{number}@{domain}", "P", str(number), ("analysts",))
    Browser().sign_in(connection, person)


def seen(alice: Browser, acme, **changes) -> str:
    answer = alice.post(
        EFFECT + "&part", fields_of(acme, policy="on", update_profile="on", **changes)
    )
    assert answer.status_code == 200
    return answer.content.decode()


def test_who_was_refused_would_be_let_in(acme, connection, alice):
    came(connection, 1, domain="other.example")
    page = seen(
        alice,
        acme,
        provisioning_domains="listed",
        provisioning_domain_list="other.example acme.example",
    )
    assert "let in, instead of refused" in page
    assert "p1@other.example" in page
    assert "gets Production / Analyst" in page


def test_who_has_an_account_stays_whatever_newcomers_have_to_do(acme, connection, alice):
    came(connection, 1)
    page = seen(alice, acme, newcomers="approve")
    assert "nothing would change" in page


def test_switched_off_nobody_new_gets_in(acme, connection, alice):
    came(connection, 1, domain="other.example")
    User.objects.filter(email="p1@other.example").delete()
    came(connection, 2)
    page = seen(alice, acme, automatic_user_provisioning=None)
    assert "refused for another reason" in page
    assert "p2@" not in page


def test_another_permission_set_shows_who_would_get_which(acme, connection, alice):
    other = acme.permission_sets.create(company=acme, name="Viewer")
    came(connection, 1)
    User.objects.get(email="p1@acme.example").delete()
    page = seen(alice, acme, default_permission_set=other.id)
    assert "other rights" in page
    assert "gets Production / Viewer" in page
    assert "does not get Production / Analyst" in page


def test_without_sign_ins_it_says_so(acme, alice):
    assert "there is nobody to tell about yet" in seen(alice, acme)


def test_nothing_is_written(acme, connection, alice):
    came(connection, 1)
    before = AuditEvent.objects.count(), User.objects.count()
    seen(alice, acme, newcomers="approve", default_workspace="")
    assert (AuditEvent.objects.count(), User.objects.count()) == before
    acme.refresh_from_db()
    assert acme.newcomers == "create"


def test_without_a_script_the_whole_page_comes_back_with_the_entries(acme, connection, alice):
    came(connection, 1)
    answer = alice.post(EFFECT, fields_of(acme, policy="on", update_profile="on", name="Typed"))
    page = answer.content.decode()
    assert 'value="Typed"' in page
    assert "nothing would change" in page


def test_the_policy_is_saved_with_the_rest(acme, alice):
    with_password(acme.users.get(is_administrator=True))
    fields = fields_of(
        acme,
        policy="on",
        provisioning_domains="listed",
        provisioning_domain_list="B.example, a.example",
        newcomers="approve",
        existing_accounts="refuse",
    )
    assert alice.post(PAGE, fields).status_code == 302
    acme.refresh_from_db()
    assert acme.provisioning_domain_list == ["a.example", "b.example"]
    assert (acme.newcomers, acme.existing_accounts, acme.update_profile) == (
        "approve",
        "refuse",
        False,
    )


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [("", "Enter at least one domain."), ("a.example no_domain!", "is not a domain")],
)
def test_a_list_of_domains_has_to_hold_domains(acme, alice, entry, sentence):
    fields = fields_of(
        acme, policy="on", provisioning_domains="listed", provisioning_domain_list=entry
    )
    answer = alice.post(PAGE, fields)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_a_form_without_the_policy_leaves_it_alone(acme, alice):
    acme.newcomers, acme.update_profile = "approve", False
    acme.save()
    assert alice.post(PAGE, fields_of(acme, name="Renamed")).status_code == 302
    acme.refresh_from_db()
    assert (acme.newcomers, acme.update_profile) == ("approve", False)


def test_others_may_not_and_other_companies_are_not_seen(acme, connection):
    came(connection, 1)
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    assert member.post(EFFECT, fields_of(acme)).status_code == 403
    globex = make_company("globex")
    mallory = Browser().enter(make_administrator(globex))
    assert mallory.post(EFFECT, fields_of(globex)).status_code == 404
    page = mallory.post("/settings/security/effect/?part", fields_of(globex)).content.decode()
    assert "nobody to tell about" in page


def test_what_was_said_of_people_is_forgotten_after_thirty_days(acme, connection):
    came(connection, 1)
    assert SignIn.objects.get().claims["attributes"]["groups"] == ["analysts"]
    now = datetime.now(UTC)
    purge(now + timedelta(days=29))
    assert SignIn.objects.get().claims
    purge(now + timedelta(days=31))
    assert SignIn.objects.get().claims is None


def test_five_hundred_people_take_a_bounded_number_of_queries(
    acme, connection, django_assert_max_num_queries
):
    SignIn.objects.bulk_create(
        SignIn(
            company=acme,
            connection=connection,
            reference="AAA-AAA",
            outcome="created",
            time=NOW,
            claims=claims_of(number),
        )
        for number in range(500)
    )
    for number in range(0, 500, 5):
        give(make_user(acme, f"p{number}@acme.example", provisioned_by="jit"))
    changed = make_copy(acme, newcomers="approve")
    with django_assert_max_num_queries(13):
        effect = impact_of(acme, changed, now=NOW)
    assert effect.people == 500
    assert len(effect.changes) == 400


def claims_of(number: int) -> dict:
    return {
        "name_id": f"u-{number}",
        "name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "attributes": {"email": [f"p{number}@acme.example"], "groups": ["a", "b"]},
    }


def make_copy(company, **changes):
    copy = type(company).objects.get(id=company.id)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


EMAILS = ["a@acme.example", "b@acme.example", "c@other.example", "d@gmail.com"]
profiles = st.builds(
    lambda subject, emails, idp: Profile(idp, subject, tuple(map(parse_email, emails))),
    st.sampled_from(["s1", "s2", None]),
    st.lists(st.sampled_from(EMAILS), max_size=3, unique=True),
    st.sampled_from(["https://idp.acme.example/metadata", "https://idp.two.example"]),
)


@given(st.lists(profiles, max_size=8), st.lists(st.sampled_from(EMAILS), unique=True))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_many_snapshots_are_what_each_alone_is(many, existing):

    with transaction.atomic():
        company = make_company("acme" + str(User.objects.count()) + "x")
        for email in existing:
            user = make_user(company, email, provisioned_by="invitation")
            give(user)
            user.identities.create(
                company=company,
                idp_entity_id="https://idp.acme.example/metadata",
                subject="s1" if email == "a@acme.example" else f"of {email}",
                created_at=NOW,
            )
        Tombstone.objects.create(
            company=company, mark=mark_of_email(company.id, "b@acme.example"), removed_at=NOW
        )
        alone = [load_snapshot(company, one, address_allowed=True) for one in many]
        assert load_snapshots(company, many) == alone
        transaction.set_rollback(True)


def test_of_claims_so_much_is_looked_at_the_newest_first(acme, connection, monkeypatch):
    for number in range(4):
        came(connection, number)
    monkeypatch.setattr("passerelle.administration.provisioning_impact.MOST_TEXT", 600)
    seen = [claims["subject"] for claims, _by in recent_claims(acme, now=datetime.now(UTC))]
    assert seen in (["u-3"], ["u-3", "u-2"])


def test_rules_are_taken_into_account(acme, connection, alice):
    make_rule(acme, "analysts", workspace="Lab", permission_set="Researcher")
    came(connection, 1)
    User.objects.get(email="p1@acme.example").delete()
    page = seen(alice, acme, newcomers="approve")
    assert "waiting for approval, instead of let in" in page


def test_a_domain_that_is_left_out_is_said_of_whoever_will_be_new(acme, connection, alice):
    came(connection, 1)
    page = seen(
        alice, acme, provisioning_domains="listed", provisioning_domain_list="contractor.example"
    )
    assert "nothing would change" in page  # For the one who came: they have an account.
    new = page.split('<caption class="hidden">Whoever will be new')[1].split("</table>")[0]
    acme_example, contractor = new.split("<tr>")[2:4]
    assert "acme.example" in acme_example
    assert acme_example.index("account made") < acme_example.index("refused: ")
    assert "contractor.example" in contractor
    assert contractor.index("refused: ") < contractor.index("account made")


def test_switched_off_whoever_will_be_new_is_refused_though_nobody_has_come_yet(acme, alice):
    page = seen(alice, acme, automatic_user_provisioning=None)
    assert "Whoever will be new" in page
    assert "nobody to tell about" not in page
    assert "Whoever will be new" not in seen(alice, acme)


def test_one_person_who_came_with_several_addresses_is_one(acme, connection, alice):
    for email in ("first@acme.example", "second@acme.example"):
        Browser().sign_in(connection, Person("u-1", email, "P", "1", ("analysts",)))
    assert "For the 1 person who tried" in seen(alice, acme)


def test_where_the_connection_is_closed_provisioning_says_that_nobody_comes_through(acme, alice):
    page = seen(alice, acme, saml_enabled=None, automatic_user_provisioning=None)
    assert "nobody can sign in through this connection" in page or "Correct this first" in page
    with_password(acme.users.get(is_administrator=True))
    page = seen(alice, acme, saml_enabled=None, automatic_user_provisioning=None)
    assert "nobody can sign in through this connection" in page


def test_other_names_of_attributes_tell_who_would_be_taken_for_whom(acme, connection, alice):
    came(connection, 1)
    changes = {"advanced": "on", "email_attribute": "nothing"}
    # Whoever has an account is known by the subject.
    assert "No difference" in seen(alice, acme, **changes)
    User.objects.get(email="p1@acme.example").delete()
    page = seen(alice, acme, **changes)
    assert "1 × refused, instead of let in" in page
    assert "p1@acme.example" in page


def test_of_another_provider_nothing_is_guessed(acme, connection, alice):
    came(connection, 1)
    pem = load_certificate_of("another").pem
    page = seen(alice, acme, idp_entity_id="https://wrong.example/idp", new_certificates=pem)
    assert "nobody can sign in through this connection" in page


def test_without_a_script_it_is_shown_on_the_page_and_saving_saves(acme, connection, alice):
    came(connection, 1, domain="other.example")
    fields = fields_of(acme, policy="on", update_profile="on", newcomers="approve")
    answer = alice.post(EFFECT, fields)
    assert "E-mail domain" in answer.content.decode()
    [form] = html.fromstring(answer.content).xpath("//form[@data-unsaved]")
    assert form.get("action") == f"{PAGE}?connection=acme"
    assert alice.post(form.get("action"), fields).status_code == 302
    acme.refresh_from_db()
    assert acme.newcomers == "approve"
