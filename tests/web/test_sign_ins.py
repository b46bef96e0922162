"""Settings > Sign-ins: every attempt, found and explained."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import User
from passerelle.practice_idp.people import Person
from passerelle.saml import load_certificate
from passerelle.sso.models import Session, SignIn
from passerelle.sso.records.explain import title_of
from tests.browsing import Browser, reference_in
from tests.world import GRACE, make_administrator, make_company, make_connection, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/sign-ins/"
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def acme():
    return make_company().connections.select_related("company").get()


@pytest.fixture
def alice(acme) -> Browser:
    return Browser().enter(make_administrator(acme.company))


def test_an_empty_list_says_what_will_appear(alice):
    assert "No sign-in yet" in alice.get(PAGE).content.decode()


def test_accepted_and_refused_attempts_are_both_there(acme, alice):
    Browser().sign_in(acme)
    Browser().sign_in(acme, fault="expired")
    page = alice.get(PAGE).content.decode()
    assert "Account created" in page
    assert "expired" in page


def test_a_reference_is_found_however_it_is_typed(acme, alice):
    reference = reference_in(Browser().sign_in(acme, fault="expired"))
    page = alice.get(PAGE, {"q": f" {reference.lower()} "}).content.decode()
    assert reference in page


@pytest.mark.parametrize("query", [{"q": "nobody"}, {"outcome": "linked"}])
def test_filters_that_fit_nothing_say_so(acme, alice, query):
    Browser().sign_in(acme)
    assert "No sign-in fits these filters" in alice.get(PAGE, query).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"before": "junk"},
        {"before": "2030-01-01_x"},
        {"before": "_"},
        {"before": "9999-99-99T99:99:99Z_00000000-0000-0000-0000-000000000000"},
        {"outcome": "'; DROP TABLE"},
        {"q": "\x00%_'\"" * 50},
    ],
)
def test_unreadable_filters_never_break_the_page(acme, alice, query):
    Browser().sign_in(acme)
    assert alice.get(PAGE, query).status_code == 200


def test_older_sign_ins_follow_page_by_page_and_none_is_lost(acme, alice):
    now = datetime.now(UTC)
    SignIn.objects.bulk_create(
        SignIn(
            company=acme.company,
            connection=acme,
            reference=f"{n:03d}-AAA",
            time=now - timedelta(seconds=n // 7),
            outcome="signed_in",
            email=f"p{n}@acme.example",
        )
        for n in range(120)
    )
    seen, query = [], ""
    while True:
        answer = alice.get(PAGE + query)
        seen += [row.reference for row in answer.context["rows"]]
        query = answer.context["more"]
        if not query:
            break
    assert len(seen) == len(set(seen)) == 120


def test_the_list_asks_the_database_as_little_for_many_as_for_few(
    acme, alice, django_assert_max_num_queries
):
    for number in range(5):
        Browser().sign_in(acme, Person(f"u-{number}", f"p{number}@acme.example", "P", "Example"))
    with django_assert_max_num_queries(4):
        alice.get(PAGE)


@pytest.mark.parametrize("page", [PAGE, "/settings/users/GRACE/", "/settings/events.csv"])
def test_no_list_reads_what_identity_providers_said(acme, alice, page):
    Browser().sign_in(acme)
    grace = User.objects.get(email=GRACE.email)
    with CaptureQueriesContext(database) as captured:
        answer = alice.get(page.replace("GRACE", str(grace.id)))
        assert GRACE.email.encode() in b"".join(answer)
    read = [one["sql"] for one in captured.captured_queries if "sso_signin" in one["sql"]]
    assert read
    assert [sql for sql in read if '"claims"' in sql or '"metadata_held"' in sql] == []


def test_the_detail_marks_where_the_values_differ(acme, alice):
    reference = reference_in(Browser().sign_in(acme, fault="audience"))
    page = alice.get(f"{PAGE}{reference}/").content.decode()
    assert "The assertion is meant for another service provider." in page
    assert "<mark>" in page
    assert "audience_mismatch" in page


def test_the_detail_of_a_newcomer_tells_what_was_done(acme, alice):
    Browser().sign_in(acme)
    reference = SignIn.objects.get().reference
    page = alice.get(f"{PAGE}{reference}/").content.decode()
    assert "Create the account grace@acme.example" in page
    assert "Give Analyst in Production (default)" in page


def test_what_an_identity_provider_says_is_shown_as_text_only(acme, alice):
    person = Person("<script>alert(1)</script>", GRACE.email, "<b>", "<i>")
    Browser().sign_in(acme, person, audience="<script>alert(2)</script>")
    reference = SignIn.objects.get().reference
    page = alice.get(f"{PAGE}{reference}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(2)" in page


def test_a_newcomer_who_has_to_be_approved_waits_and_is_approved_from_the_page(acme, alice):
    acme.company.newcomers = "approve"
    acme.company.version += 1
    acme.company.save()
    answer = Browser().sign_in(acme)
    assert answer.status_code == 403
    assert "waiting for an administrator&#x27;s approval" in answer.content.decode()
    reference = reference_in(answer)
    assert User.objects.get(email_key=GRACE.email).status == "pending"
    assert "waits for your decision" in alice.get(f"{PAGE}{reference}/").content.decode()
    alice.post(f"{PAGE}{reference}/approve/")
    assert AuditEvent.objects.filter(event="user:approved").count() == 1
    assert Browser().sign_in(acme).status_code == 302
    assert "can sign in now" in alice.get(f"{PAGE}{reference}/").content.decode()


def test_another_companys_administrator_cannot_approve(acme):
    acme.company.newcomers = "approve"
    acme.company.version += 1
    acme.company.save()
    reference = reference_in(Browser().sign_in(acme))
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert mallory.post(f"{PAGE}{reference}/approve/").status_code == 404
    assert User.objects.get(email_key=GRACE.email).status == "pending"


def test_approving_an_attempt_approves_who_made_it_whatever_address_it_brought(acme, alice):
    acme.company.newcomers = "approve"
    acme.company.version += 1
    acme.company.save()
    Browser().sign_in(acme, GRACE)
    Browser().sign_in(acme, Person("u-2", "bob@acme.example", "Bob", "Example", ()))
    again = Person("u-1", "bob@acme.example", "Grace", "Example", ())
    reference = reference_in(Browser().sign_in(acme, again))
    assert "grace@acme.example waits" in alice.get(f"{PAGE}{reference}/").content.decode()
    alice.post(f"{PAGE}{reference}/approve/")
    statuses = dict(User.objects.values_list("email", "status"))
    assert statuses["grace@acme.example"] == "active"
    assert statuses["bob@acme.example"] == "pending"


def test_who_waits_stands_above_the_list(acme, alice):
    acme.company.newcomers = "approve"
    acme.company.version += 1
    acme.company.save()
    reference = reference_in(Browser().sign_in(acme))
    Browser().sign_in(acme)
    page = alice.get(PAGE).content.decode()
    assert "1 person waits for your decision" in page
    alice.post(f"{PAGE}{reference}/approve/")
    assert "waits for your decision" not in alice.get(PAGE).content.decode()


@pytest.mark.parametrize("typed", [str.lower, lambda text: text.replace("-", " "), str.swapcase])
def test_a_dictated_reference_is_found(acme, alice, typed):
    reference = reference_in(Browser().sign_in(acme, fault="expired"))
    page = alice.get(PAGE, {"q": typed(reference)}).content.decode()
    assert f"/settings/sign-ins/{reference}/" in page


def test_a_known_person_without_an_address_is_named_by_the_account(acme, alice):
    Browser().sign_in(acme)
    Browser().sign_in(acme, fault="no_email")
    row = SignIn.objects.order_by("-time").first()
    assert row.email is None
    assert "grace@acme.example signed in" in alice.get(f"{PAGE}{row.reference}/").content.decode()
    assert "nothing was verified" not in alice.get(PAGE).content.decode()


def test_an_unknown_certificate_is_accepted_after_its_fingerprint_was_compared(acme, alice):
    reference = reference_in(Browser().sign_in(acme, fault="stranger"))
    row = SignIn.objects.get()
    offered = load_certificate(row.offered_certificate)
    page = alice.get(f"{PAGE}{reference}/").content.decode()
    assert offered.fingerprint in page
    action = f"{PAGE}{reference}/certificate/"
    answer = alice.post(action, follow=True)
    assert "Tick the box first" in answer.content.decode()
    assert acme.certificates.count() == 1
    answer = alice.post(action, {"fingerprint": offered.fingerprint}, follow=True)
    assert "The certificate is trusted now." in answer.content.decode()
    assert acme.certificates.count() == 2
    assert AuditEvent.objects.filter(event="connection:certificate_accepted").count() == 1
    assert "Accept this certificate" not in alice.get(f"{PAGE}{reference}/").content.decode()


def test_another_companys_administrator_cannot_accept_a_certificate(acme):
    reference = reference_in(Browser().sign_in(acme, fault="stranger"))
    offered = load_certificate(SignIn.objects.get().offered_certificate)
    mallory = Browser().enter(make_administrator(make_company("globex")))
    answer = mallory.post(f"{PAGE}{reference}/certificate/", {"fingerprint": offered.fingerprint})
    assert answer.status_code == 404
    assert acme.certificates.count() == 1


def test_the_cure_is_told_in_the_words_of_the_identity_providers_console(acme, alice):
    acme.idp_entity_id = "http://www.okta.com/exk1"
    acme.save()
    reference = reference_in(Browser().sign_in(acme, fault="audience"))
    page = alice.get(f"{PAGE}{reference}/").content.decode()
    assert "Audience URI (SP Entity ID)" in page


def test_a_decision_that_was_made_stays_made(acme, alice):
    acme.company.newcomers = "approve"
    acme.company.version += 1
    acme.company.save()
    reference = reference_in(Browser().sign_in(acme))
    User.objects.filter(email_key=GRACE.email).update(status="suspended")
    alice.post(f"{PAGE}{reference}/approve/")
    assert User.objects.get(email_key=GRACE.email).status == "suspended"
    assert not AuditEvent.objects.filter(event="user:approved").exists()


@pytest.mark.usefixtures("within_the_hour")
def test_a_strangers_certificate_is_not_offered_under_somebody_elses_reference(
    acme, alice, monkeypatch
):
    monkeypatch.setattr("passerelle.sso.records.traces.MAX_COUNTED", 0)
    for _ in range(2):
        reference = reference_in(Browser().sign_in(acme, fault="stranger"))
    row = SignIn.objects.get(reference=reference)
    assert (row.count, row.offered_certificate) == (2, "")
    assert "Accept this certificate" not in alice.get(f"{PAGE}{reference}/").content.decode()


def test_everybody_who_waits_is_listed_however_often_one_of_them_tries(acme, alice, monkeypatch):
    monkeypatch.setattr("passerelle.web.records.sign_ins.WAITING", 2)
    acme.company.newcomers = "approve"
    acme.company.save()
    for person in ("often@acme.example", "often@acme.example", "once@acme.example"):
        user = User.objects.filter(email=person).first() or make_user(
            acme.company, person, status="pending"
        )
        SignIn.objects.create(
            company=acme.company,
            user=user,
            email=person,
            reference=f"AAA-{SignIn.objects.count():03}",
            time=datetime.now(UTC),
            outcome="refused",
            reason="approval_pending",
        )
    page = alice.get(PAGE).content.decode()
    waiting = page[: page.index("<table")]
    assert "often@acme.example" in waiting
    assert "once@acme.example" in waiting


def test_the_list_says_why_in_words_and_finds_by_reason(acme, alice):
    Browser().sign_in(acme, fault="expired")
    Browser().sign_in(acme, fault="audience")
    page = alice.get(PAGE, {"reason": "expired"}).content.decode()
    assert page.count('class="reference"') == 1
    assert title_of("expired") in html.unescape(page)


def live_part(alice: Browser, page: str) -> str:
    address = re.search(r'data-live="([^"]+)"', page)
    assert address is not None
    return alice.get(html.unescape(address[1])).content.decode()


def test_an_open_list_tells_of_new_attempts_that_fit_its_filters(acme, alice):
    empty = alice.get(PAGE).content.decode()
    assert live_part(alice, empty).strip() == ""
    Browser().sign_in(acme)
    assert "1 new attempt: show it" in live_part(alice, empty)
    page = alice.get(PAGE, {"outcome": "refused"}).content.decode()
    Browser().sign_in(acme)
    assert live_part(alice, page).strip() == ""
    Browser().sign_in(acme, fault="expired")
    assert "?outcome=refused" in live_part(alice, page)
    assert (
        'data-live="'
        not in alice.get(PAGE, {"before": f"2031-01-01T00:00Z_{NOBODY}"}).content.decode()
    )


@pytest.mark.parametrize("after", ["", "junk", "2031-01-01_x", "\0", "9" * 300])
def test_a_place_that_is_none_tells_of_nothing(alice, after):
    answer = alice.get(f"{PAGE}new/", {"after": after})
    assert (answer.status_code, answer.content.decode().strip()) == (200, "")


def test_an_open_list_keeps_no_session_alive(acme, alice):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    Session.objects.update(last_seen_at=long_ago)
    alice.get(f"{PAGE}new/")
    assert Session.objects.get().last_seen_at == long_ago
    alice.get(PAGE)
    assert Session.objects.get().last_seen_at > long_ago


def test_the_list_is_filtered_by_connection_where_there_are_several(acme, alice):
    assert 'name="connection"' not in alice.get(PAGE).content.decode()
    make_connection(acme.company, slug="other")
    Browser().sign_in(acme)
    assert 'class="reference"' in alice.get(PAGE, {"connection": "acme"}).content.decode()
    assert 'class="reference"' not in alice.get(PAGE, {"connection": "other"}).content.decode()


def test_a_certificate_of_before_the_provider_changed_is_not_offered(acme, alice):
    reference = reference_in(Browser().sign_in(acme, fault="stranger"))
    page = f"{PAGE}{reference}/"
    assert "Accept this certificate" in alice.get(page).content.decode()
    acme.trusted_since = timezone.now()
    acme.save()
    assert "Accept this certificate" not in alice.get(page).content.decode()
    row = SignIn.objects.get(reference=reference)
    fingerprint = row.checks[-1]["received"]
    alice.post(f"{page}certificate/", {"fingerprint": fingerprint})
    assert acme.certificates.count() == 1
