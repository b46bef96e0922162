"""A session that ends while somebody fills in a form: what they entered is not lost."""

import re
from html import unescape

import pytest

from passerelle.sso.models import Session
from tests.browsing import Browser
from tests.world import make_user

from .test_security_settings import PAGE, fields_of

pytestmark = pytest.mark.django_db


def hidden_fields(page: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page):
        found.setdefault(unescape(name), []).append(unescape(value))
    return found


@pytest.fixture
def alice(acme) -> Browser:
    admin = make_user(acme, "admin@acme.example", is_administrator=True)
    browser = Browser(enforce_csrf_checks=True).enter(admin)
    browser.admin = admin
    return browser


def token_of(browser: Browser) -> str:
    page = browser.get(PAGE).content.decode()
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]


def test_what_was_entered_is_kept_through_signing_in_again(acme, alice):
    token = token_of(alice)
    Session.objects.all().delete()
    entered = {**fields_of(acme, name="New “name” & more"), "csrfmiddlewaretoken": token}
    page = alice.post(PAGE, entered)
    assert page.status_code == 403
    text = page.content.decode()
    assert "Your session has ended" in text
    assert f'action="{PAGE}"' in text
    kept = hidden_fields(text)
    assert kept["name"] == ["New “name” & more"]
    acme.refresh_from_db()
    assert acme.connections.get().name == "Acme SSO"
    again = alice.post(PAGE, kept)
    assert "Your session has ended" in again.content.decode()
    alice.enter(alice.admin)
    assert alice.post(PAGE, kept).status_code == 302
    assert acme.connections.get().name == "New “name” & more"


def test_several_values_of_one_name_are_kept_in_their_order(acme, alice):
    sent = {"users": ["b", "a"], "csrfmiddlewaretoken": token_of(alice)}
    Session.objects.all().delete()
    page = alice.post("/settings/users/several/", sent).content.decode()
    assert hidden_fields(page)["users"] == ["b", "a"]


def test_a_button_without_entries_leads_to_the_sign_in_page(acme):
    answer = Browser().post("/settings/security/key/")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/")


def test_a_form_of_another_site_is_kept_for_nobody(acme, alice):
    Session.objects.all().delete()
    page = alice.post(PAGE, {"name": "sent by a stranger"})
    assert "sent by a stranger" not in page.content.decode()


def test_a_file_that_was_chosen_is_said_not_to_be_kept(acme):
    from django.core.files.uploadedfile import SimpleUploadedFile

    sent = {"confirmed": "1", "file": SimpleUploadedFile("people.csv", b"email")}
    page = Browser().post("/settings/users/import/", sent).content.decode()
    assert "The file is not kept" in page
