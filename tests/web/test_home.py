"""The dashboard of an administrator: what is left to do, and what waits."""

import pytest

from passerelle.directory.models import Company
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


def test_somebody_who_administers_nothing_sees_none_of_it():
    acme = make_company()
    page = Browser().enter(make_user(acme, "bob@acme.example")).get("/").content.decode()
    assert "/login/acme/" not in page
