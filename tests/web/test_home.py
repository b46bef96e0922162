"""The dashboard of an administrator: what is left to do, and what waits."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from passerelle.directory.models import Application, Company
from passerelle.infra.identifiers import first_of
from passerelle.sso.records.traces import keep_application_visit
from tests.browsing import Browser
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db


def test_a_new_company_is_led_through_its_first_steps_and_then_left_alone():
    new = Company.objects.create(
        slug="new", name="New", created_at="2030-01-01T00:00Z", jit_provisioning_available=True
    )
    page = Browser().enter(make_administrator(new)).get("/").content.decode()
    assert "To begin with" in page
    Company.objects.filter(id=new.id).update(
        google_sso_enabled=True, google_hosted_domain="new.example"
    )
    page_by_google = Browser().enter(make_administrator(new, "two@new.example")).get("/")
    assert ">Connect your identity provider</a>" not in page_by_google.content.decode()
    for step in ("Connect your identity provider", "Verify your e-mail domain", "Make a workspace"):
        assert f">{step}</a>" in page
    assert "http://127.0.0.1:8000/login/new/" in page
    acme = make_company()
    page = Browser().enter(make_administrator(acme)).get("/").content.decode()
    assert "To begin with" not in page
    assert "Nothing needs your attention" in page


def test_somebody_who_administers_nothing_sees_none_of_it():
    acme = make_company()
    page = Browser().enter(make_user(acme, "bob@acme.example")).get("/").content.decode()
    assert "/login/acme/" not in page


def test_what_needs_an_administrator_stands_there_with_the_page_that_mends_it():
    acme, now = make_company(), timezone.now()
    alice = make_administrator(acme)
    make_user(acme, "waits@acme.example", status="pending")
    connection = acme.connections.get()
    ends = now + timedelta(days=10)
    connection.certificates.update(not_after=ends)
    unopened, opened, new = (
        Application.objects.create(
            id=uuid, company=acme, name=name, url="https://a.example/", kind="oidc", client_id=name
        )
        for name, uuid in (
            ("unopened", first_of(now - timedelta(days=60))),
            ("opened", first_of(now - timedelta(days=61))),
            ("new", first_of(now)),
        )
    )
    keep_application_visit(opened, alice, address=None, now=now - timedelta(days=2))
    keep_application_visit(unopened, alice, address=None, now=now - timedelta(days=40))
    lacks = {"case": "workspace", "workspaces": "Sandbox"}
    keep_application_visit(new, alice, lacks=lacks, address=None, now=now)
    answer = Browser().enter(alice).get("/")
    overview = answer.context["overview"]
    assert [sentence for sentence, _page in overview["attention"]] == [
        f"The certificate of Acme SSO ends on {date_format(ends, 'DATE_FORMAT')}",
        "1 person waits for your decision",
        "1 sign-in refused in the last 24 hours",
        "Nobody has opened unopened for 30 days",
    ]
    # Going on into an application is no sign-in of its own; being refused there is seen.
    assert (overview["chart"].total, overview["chart"].refused) == (1, 1)
    for _sentence, page in overview["attention"]:
        assert Browser().enter(alice).get(page.partition("#")[0]).status_code == 200
    other = Browser().enter(make_administrator(make_company("globex"))).get("/")
    assert other.context["overview"]["attention"] == []
