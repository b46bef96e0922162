"""The shape of the code, as far as a test can hold it."""

import re
from pathlib import Path

import pytest
from django.urls import get_resolver

import passerelle
from passerelle.dashboard.user_filters import FILTERS as USER_FILTERS
from passerelle.dashboard.views.audit import FILTERS as AUDIT_FILTERS
from tests.browsing import Browser, reference_in
from tests.world import make_administrator, make_company, make_user

SOURCE = Path(passerelle.__file__).parent
NOBODY = "00000000-0000-7000-8000-000000000000"
SETTINGS_PAGES = [
    "/settings/delivery/",
    "/settings/domains/",
    "/settings/events.csv",
    "/settings/enforcement/",
    "/settings/security/",
    f"/settings/security/trial/{NOBODY}/",
    "/settings/connect/",
    "/settings/connect/acme/",
    "/settings/sign-ins/",
    "/settings/identities/",
    "/settings/sign-ins/chart/",
    "/settings/sign-ins/new/",
    "/settings/sign-ins/AAA-AAA/",
    "/settings/users/",
    "/settings/users/users.csv",
    "/settings/users/import/",
    "/settings/users/invite/",
    f"/settings/users/{NOBODY}/",
    f"/settings/users/{NOBODY}/change/remove/",
    f"/settings/users/{NOBODY}/merge/",
    "/settings/applications/",
    f"/settings/applications/{NOBODY}/",
    "/settings/workspaces/",
    f"/settings/workspaces/{NOBODY}/",
    "/settings/permissions/",
    f"/settings/permissions/{NOBODY}/",
    "/settings/audit/",
    "/settings/audit/audit.csv",
    "/settings/audit/audit.jsonl",
]
SETTINGS_ACTIONS = [
    "/settings/sign-ins/AAA-AAA/approve/",
    "/settings/sign-ins/AAA-AAA/certificate/",
    "/settings/sign-ins/AAA-AAA/admit/",
    "/settings/sign-ins/AAA-AAA/domain/",
    "/settings/sign-ins/AAA-AAA/identity/",
    "/settings/security/key/",
    "/settings/security/sessions/",
    "/settings/security/metadata/",
    "/settings/security/metadata/read/",
    "/settings/security/trial/",
    "/settings/security/effect/",
    "/settings/users/several/",
    "/settings/enforcement/change/",
    "/settings/delivery/webhook/",
    "/settings/delivery/webhook/test/",
    f"/settings/domains/{NOBODY}/prove/",
    f"/settings/domains/{NOBODY}/remove/",
    "/settings/enforcement/codes/",
    "/settings/users/several/do/",
    "/settings/connect/acme/check/",
    "/settings/connect/acme/trial/",
    "/settings/connect/acme/switch/",
    "/settings/connect/acme/link/",
    "/settings/connect/acme/delete/",
    f"/settings/users/{NOBODY}/approve/",
]


def test_no_file_is_longer_than_four_hundred_lines():
    long = {
        str(path.relative_to(SOURCE)): count
        for path in SOURCE.rglob("*.py")
        if "migrations" not in path.parts and (count := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_no_address_is_built_from_what_a_request_says():
    """Host and scheme are the client's word; the public address is ours."""
    asking = ("build_absolute_uri", "get_host", "is_secure", "HTTP_X_FORWARDED_HOST")
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if any(word in path.read_text() for word in asking)
    }
    assert found == set()


def test_the_list_of_settings_pages_is_complete():
    patterns = [
        str(pattern.pattern)
        for pattern in get_resolver("passerelle.dashboard.urls").url_patterns
        if str(pattern.pattern).startswith("settings/")
    ]
    assert len(patterns) == len(SETTINGS_PAGES + SETTINGS_ACTIONS)


@pytest.mark.django_db
@pytest.mark.parametrize("page", SETTINGS_PAGES)
def test_a_settings_page_is_for_administrators_only(page):
    acme = make_company()
    assert Browser().get(page).status_code == 302
    assert Browser().enter(make_user(acme, "bob@acme.example")).get(page).status_code == 403


def names_in_queries() -> set[str]:
    """Every name that some page reads from the query of its address."""
    texts = [path.read_text() for path in (SOURCE / "dashboard").rglob("*.py")]
    read = {name for text in texts for name in re.findall(r'GET\.get\("(\w+)"', text)}
    return {*read, *USER_FILTERS, *AUDIT_FILTERS, "outcome", "reason", "q", "identity", "with"}


BAD_VALUES = ["123456x", "1" * 5000, "²", "٣", "9" * 30, "\0\ud7ff", "9999-12-31", "_"]


@pytest.mark.django_db
@pytest.mark.parametrize("value", BAD_VALUES)
def test_no_query_breaks_a_page(value):
    alice = Browser(raise_request_exception=False).enter(make_administrator(make_company()))
    names = names_in_queries()
    assert {"done", "ended", "after", "before", "until"} <= names
    pages = [*SETTINGS_PAGES, "/", "/account/", "/login/acme/", "/auth/google/callback"]
    for page in pages:
        # A connection that does not exist would be the answer to everything.
        for asked in (names, names - {"connection"}):
            answer = alice.get(page, dict.fromkeys(asked, value))
            assert answer.status_code < 500, (page, asked)


@pytest.mark.django_db
@pytest.mark.parametrize("action", SETTINGS_ACTIONS)
def test_a_settings_action_is_for_administrators_only(action):
    acme = make_company()
    assert Browser().post(action).status_code == 302
    assert Browser().enter(make_user(acme, "bob@acme.example")).post(action).status_code == 403
    # Looked at instead of done, it leads to the page that it belongs to.
    looked_at = Browser().enter(make_administrator(acme)).get(action)
    assert looked_at.status_code == 302
    assert action.startswith(looked_at["Location"])


@pytest.mark.django_db
def test_mallory_of_another_company_sees_nothing_of_acme():
    acme = make_company()
    connection = acme.connections.select_related("company").get()
    answer = Browser().sign_in(connection, fault="expired")
    assert answer.status_code == 403
    reference = reference_in(answer)
    alice = Browser().enter(make_administrator(acme))
    assert alice.get(f"/settings/sign-ins/{reference}/").status_code == 200
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert mallory.get(f"/settings/sign-ins/{reference}/").status_code == 404
    assert reference not in mallory.get("/settings/sign-ins/").content.decode()
