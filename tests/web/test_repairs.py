"""From a refused sign-in to its repair; and sign-ins over time."""

from datetime import UTC, datetime, timedelta

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.directory import actions
from passerelle.directory.models import ExternalIdentity, Tombstone, User
from passerelle.practice_idp.people import Person
from passerelle.sso.connections.connection import certificate_row
from passerelle.sso.models import SignIn
from tests.browsing import Browser, reference_in
from tests.world import NOW, load_certificate_of, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/sign-ins/"
IVAN = Person("u-7", "ivan@other.example", "Ivan", "Example", ())


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


def refused(connection, person: Person = IVAN) -> str:
    return PAGE + reference_in(Browser().sign_in(connection, person)) + "/"


def enters(connection, person: Person = IVAN) -> bool:
    connection.refresh_from_db()
    return Browser().sign_in(connection, person).status_code == 302


def test_one_person_of_a_strange_domain_is_admitted(acme, connection, alice):
    page = refused(connection)
    assert "Admit ivan@other.example alone" in alice.get(page).content.decode()
    sent = alice.post(f"{page}admit/")
    assert sent["Location"].endswith("done=admitted")
    assert "The account is made." in alice.get(sent["Location"]).content.decode()
    ivan = User.objects.get(email="ivan@other.example")
    assert ivan.memberships.get().source == "default"
    assert ExternalIdentity.objects.get(user=ivan).subject == "u-7"
    made = AuditEvent.objects.get(event="user:provisioned")
    assert made.actor == "admin@acme.example"
    assert enters(connection)
    assert not enters(connection, Person("u-8", "eve@other.example", "Eve", "E", ()))


def test_admitted_though_provisioning_is_off(acme, connection, alice):
    acme.automatic_user_provisioning = False
    acme.version += 1
    acme.save()
    page = refused(connection)
    alice.post(f"{page}admit/")
    assert enters(connection)


def test_who_was_removed_is_admitted_again_with_a_new_account(acme, connection, alice):
    person = Person("u-9", "carol@acme.example", "Carol", "Example", ())
    assert enters(connection, person)
    carol = User.objects.get(email="carol@acme.example")
    actions.remove(carol, tombstone=True, actor=OPERATOR, now=NOW)
    page = refused(connection, person)
    alice.post(f"{page}admit/")
    assert enters(connection, person)
    assert not Tombstone.objects.exists()


def test_admitting_twice_or_too_late_changes_nothing(acme, connection, alice):
    page = refused(connection)
    for _ in range(2):
        alice.post(f"{page}admit/")
    assert User.objects.filter(email="ivan@other.example").count() == 1
    assert "Admit ivan" not in alice.get(page).content.decode()


def test_without_the_claims_there_is_nothing_to_admit(acme, connection, alice):
    page = refused(connection)
    SignIn.objects.update(claims=None)
    assert "Admit ivan" not in alice.get(page).content.decode()
    alice.post(f"{page}admit/")
    assert not User.objects.filter(email="ivan@other.example").exists()


def test_who_was_proved_by_a_key_that_is_not_trusted_any_more_is_not_admitted(
    acme, connection, alice
):
    page = refused(connection)
    connection.certificates.all().delete()
    certificate_row(connection, load_certificate_of("next")).save()
    acme.provisioning_domains, acme.provisioning_domain_list = "listed", ["other.example"]
    acme.version += 1
    acme.save()
    shown = alice.get(page).content.decode()
    assert "Admit ivan" not in shown
    assert "this would be let in" not in shown
    assert "The certificate that signed this sign-in is no longer trusted" in shown
    alice.post(f"{page}admit/")
    assert not User.objects.filter(email="ivan@other.example").exists()


def test_why_nobody_is_admitted_by_a_removed_key_is_said_in_french(acme, connection):
    page = refused(connection)
    connection.certificates.all().delete()
    shown = Browser("fr").enter(make_administrator(acme)).get(page).content.decode()
    assert "n’est plus approuvé" in shown


def test_who_holds_the_address_is_not_admitted_a_second_time(acme, connection, alice):
    page = refused(connection)
    make_user(acme, "ivan@other.example")
    alice.post(f"{page}admit/")
    assert not ExternalIdentity.objects.filter(subject="u-7").exists()


@pytest.mark.parametrize("fault", ["expired", "audience"])
def test_what_is_wrong_with_the_message_is_never_admitted(acme, connection, alice, fault):
    reference = reference_in(Browser().sign_in(connection, IVAN, fault=fault))
    alice.post(f"{PAGE}{reference}/admit/")
    assert not User.objects.filter(email="ivan@other.example").exists()


def test_a_domain_is_added_to_the_list(acme, connection, alice):
    acme.provisioning_domains, acme.provisioning_domain_list = "listed", ["acme.example"]
    acme.version += 1
    acme.save()
    connection.refresh_from_db()
    page = refused(connection)
    assert "Add other.example to the list" in alice.get(page).content.decode()
    alice.post(f"{page}domain/")
    alice.post(f"{page}domain/")
    acme.refresh_from_db()
    assert acme.provisioning_domain_list == ["acme.example", "other.example"]
    assert AuditEvent.objects.filter(event="security_settings:changed").count() == 1
    connection.company.refresh_from_db()
    assert enters(connection)


def test_without_a_list_no_domain_is_added(acme, connection, alice):
    page = refused(connection)
    assert "to the list" not in alice.get(page).content.decode()
    alice.post(f"{page}domain/")
    acme.refresh_from_db()
    assert acme.provisioning_domain_list == []


def test_a_suspended_account_is_one_click_away(acme, connection, alice):
    assert enters(connection, Person("u-7", "ivan@acme.example", "Ivan", "E", ()))
    user = User.objects.get(email="ivan@acme.example")
    actions.suspend(user, actor=OPERATOR, now=NOW)
    page = refused(connection, Person("u-7", "ivan@acme.example", "Ivan", "E", ()))
    assert f"/settings/users/{user.id}/" in alice.get(page).content.decode()


def test_the_field_that_decides_is_linked_and_open(acme, connection, alice):
    page = alice.get(refused(connection)).content.decode()
    link = "/settings/security/?connection=acme&amp;open=provisioning_domains#provisioning_domains"
    assert link in page
    settings = alice.get(link.replace("&amp;", "&").partition("#")[0]).content.decode()
    assert '<details class="more field" open><summary>Who gets an account' in settings


@pytest.mark.parametrize("way", ["admit", "domain"])
def test_members_and_other_companies_may_not(acme, connection, way):
    page = refused(connection)
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert member.post(f"{page}{way}/").status_code == 403
    assert mallory.post(f"{page}{way}/").status_code == 404
    assert not User.objects.filter(email="ivan@other.example").exists()


# Over time.


def attempts(acme, connection, *counts: tuple[int, str, int]) -> None:
    now = datetime.now(UTC)
    SignIn.objects.bulk_create(
        SignIn(
            company=acme,
            connection=connection,
            reference="AAA-AAA",
            time=now - timedelta(days=days),
            outcome=outcome,
            reason="expired" if outcome == "refused" else "",
            count=count,
        )
        for days, outcome, count in counts
    )


def test_sign_ins_are_drawn_by_day_with_the_numbers_behind(acme, connection, alice):
    attempts(
        acme,
        connection,
        (0, "signed_in", 1),
        (0, "created", 1),
        (1, "refused", 40),
        (31, "signed_in", 1),
    )
    answer = alice.get(f"{PAGE}chart/")
    chart = answer.context["chart"]
    assert [chart.days[-1].signed_in, chart.days[-1].newcomers, chart.days[-2].refused] == [
        1,
        1,
        40,
    ]
    assert chart.total == 42
    page = answer.content.decode()
    assert page.count("<rect") == 3
    assert "42 attempts" in page
    assert "the assertion" in page.lower()
    assert f"{PAGE}?reason=expired" in page


def test_the_smallest_bar_still_shows(acme, connection, alice):
    attempts(acme, connection, (0, "refused", 1), (1, "signed_in", 100_000))
    bars = alice.get(f"{PAGE}chart/").context["chart"].bars
    assert min(bar.height for bar in bars) >= 2
    assert all(bar.y >= 0 for bar in bars)


def test_without_sign_ins_there_is_no_drawing(alice):
    assert "No sign-in yet" in alice.get(f"{PAGE}chart/").content.decode()


def test_the_drawing_takes_two_queries_however_many_they_are(
    acme, connection, alice, django_assert_max_num_queries
):
    attempts(acme, connection, *[(number % 30, "signed_in", 1) for number in range(1000)])
    with django_assert_max_num_queries(4):
        alice.get(f"{PAGE}chart/")


def test_only_the_own_company_is_drawn(acme, connection):
    attempts(acme, connection, (0, "signed_in", 5))
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert mallory.get(f"{PAGE}chart/").context["chart"].total == 0


def test_what_the_settings_would_let_in_by_now_needs_no_repair(acme, connection, alice):
    page = refused(connection)
    assert "would be let in" not in alice.get(page).content.decode()
    acme.domains.create(company=acme, name="other.example", verified_at=NOW)
    shown = alice.get(page).content.decode()
    assert "As things are now, this would be let in." in shown
    assert "Admit ivan@other.example alone" not in shown
    acme.newcomers = "approve"
    acme.version += 1
    acme.save()
    assert "would be let in" not in alice.get(page).content.decode()
    acme.newcomers, acme.ip_allowlist = "create", ["127.0.0.0/8"]
    acme.version += 1
    acme.save()
    assert "would be let in" in alice.get(page).content.decode()
    SignIn.objects.update(address="203.0.113.1")
    assert "would be let in" not in alice.get(page).content.decode()


def test_what_would_be_let_in_is_not_said_of_a_connection_that_lets_nobody_in(
    acme, connection, alice
):
    page = refused(connection)
    acme.domains.create(company=acme, name="other.example", verified_at=NOW)
    assert "would be let in" in alice.get(page).content.decode()
    acme.connections.update(enabled=False)
    assert "would be let in" not in alice.get(page).content.decode()
    acme.connections.update(enabled=True, idp_entity_id="https://another.example")
    assert "would be let in" not in alice.get(page).content.decode()
