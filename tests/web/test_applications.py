"""Settings > Applications, and what stands on people's dashboards."""

import re

import pytest
from django.db import IntegrityError, transaction

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Application, Membership
from tests.browsing import Browser
from tests.world import give, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/applications/"
REPORTS = {"name": "Reports", "url": "https://reports.acme.example/", "workspace": ""}


def shown_to(user) -> list[str]:
    """The applications on somebody's dashboard."""
    page = Browser().enter(user).get("/").content.decode()
    listed = re.search(r'<ul class="applications" role="list">(.*?)</ul>', page)
    return re.findall(r'<a href="([^"]+)">', listed[1]) if listed else []


def last_event() -> tuple[str, dict]:
    return AuditEvent.objects.order_by("-id").values_list("event", "details")[0]


def test_an_application_for_everybody_stands_on_every_dashboard_of_the_company(acme, alice):
    bob = make_user(acme, "bob@acme.example")
    assert shown_to(bob) == []
    answer = alice.post(PAGE, REPORTS, follow=True)
    assert "The application was added." in answer.content.decode()
    assert shown_to(bob) == ["https://reports.acme.example/"]
    assert shown_to(make_user(make_company("globex"), "eve@globex.example")) == []
    assert last_event() == (
        "application:added",
        {"url": "https://reports.acme.example/", "workspace": None},
    )


def test_one_for_a_workspace_is_seen_by_its_people_only_and_as_long_as_they_are_in_it(acme, alice):
    alice.post(PAGE, {**REPORTS, "workspace": acme.workspaces.get().id})
    bob, carol = (make_user(acme, f"{name}@acme.example") for name in ("bob", "carol"))
    give(bob)
    give(bob, source="rule")
    assert shown_to(bob) == ["https://reports.acme.example/"]
    assert shown_to(carol) == []
    Membership.objects.all().delete()
    assert shown_to(bob) == []


def test_it_is_changed_and_what_changed_is_recorded(acme, alice):
    alice.post(PAGE, REPORTS)
    row = acme.applications.get()
    workspace = acme.workspaces.get()
    fields = {"name": "Sales", "url": REPORTS["url"], "workspace": workspace.id}
    assert alice.post(f"{PAGE}{row.id}/", fields).status_code == 302
    assert last_event() == (
        "application:changed",
        {"name": ["Reports", "Sales"], "workspace": [None, "Production"]},
    )
    count = AuditEvent.objects.count()
    alice.post(f"{PAGE}{row.id}/", fields)
    assert AuditEvent.objects.count() == count
    page = alice.get(f"{PAGE}{row.id}/").content.decode()
    assert f'value="{workspace.id}" selected' in page


def test_removing_it_says_from_how_many_dashboards_it_disappears(acme, alice):
    alice.post(PAGE, {**REPORTS, "workspace": acme.workspaces.get().id})
    for number in range(3):
        give(make_user(acme, f"p{number}@acme.example"))
    row = acme.applications.get()
    page = alice.get(f"{PAGE}{row.id}/").content.decode()
    assert "disappears from the dashboards of 3 people" in page
    answer = alice.post(f"{PAGE}{row.id}/", {"remove": ""}, follow=True)
    assert "The application was removed." in answer.content.decode()
    assert not Application.objects.exists()
    assert last_event()[0] == "application:removed"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "x" * 151}, "at most 150"),
        ({"name": "a\u202eb"}, "Enter one line, without control characters."),
        ({"url": ""}, "Enter the address of the application"),
        ({"url": "reports.acme.example"}, "Enter the address of the application"),
        ({"url": "javascript:alert(1)"}, "Enter the address of the application"),
        ({"url": "data:text/html,x"}, "Enter the address of the application"),
        ({"url": "https://user:secret@acme.example/"}, "Enter the address of the application"),
        ({"url": "https://" + "x" * 500}, "at most 500"),
        ({"workspace": "00000000-0000-7000-8000-000000000000"}, "Select one from the list"),
        ({"workspace": "no identifier"}, "Select one from the list"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(acme, alice, changes, sentence):
    answer = alice.post(PAGE, {**REPORTS, **changes})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    [name] = changes
    assert f'id="{name}-error"' in page
    assert not Application.objects.exists()
    if name != "name":
        assert 'value="Reports"' in page


def test_two_names_differ_by_more_than_upper_and_lower_case(acme, alice):
    alice.post(PAGE, REPORTS)
    answer = alice.post(PAGE, {**REPORTS, "name": "REPORTS"})
    assert answer.status_code == 422
    assert "There is an application of this name already." in answer.content.decode()
    alice.post(PAGE, {**REPORTS, "name": "Other"})
    row = acme.applications.get(name="Other")
    lab = acme.workspaces.create(company=acme, name="Lab")
    fields = {**REPORTS, "url": "https://elsewhere.example/", "workspace": lab.id}
    answer = alice.post(f"{PAGE}{row.id}/", fields)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "<h1>Other</h1>" in page
    assert f'href="{REPORTS["url"]}"' in page
    assert "disappears from the dashboard of 1 person" in page


def test_names_that_the_file_gave_in_capitals_and_small_letters_can_both_be_edited(acme, alice):
    for name in ("reports", "Reports"):
        acme.applications.create(company=acme, name=name, url="https://a.example/")
    row = acme.applications.get(name="reports")
    fields = {**REPORTS, "name": "reports"}
    assert alice.post(f"{PAGE}{row.id}/", fields).status_code == 302
    assert acme.applications.get(name="reports").url == REPORTS["url"]


def test_an_address_in_capitals_is_one_as_well(acme, alice):
    assert alice.post(PAGE, {**REPORTS, "url": "HTTPS://Reports.acme.example"}).status_code == 302
    assert acme.applications.get().host == "reports.acme.example"


def test_fifty_are_enough(acme, alice):
    Application.objects.bulk_create(
        Application(company=acme, name=f"A{number:03}", url="https://a.example")
        for number in range(Application.MOST)
    )
    assert "at most 50 applications" in alice.get(PAGE).content.decode()
    answer = alice.post(PAGE, REPORTS)
    assert answer.status_code == 422
    assert "remove one first" in answer.content.decode()
    assert acme.applications.count() == Application.MOST


def test_a_workspace_that_an_application_is_for_stays(acme, alice):
    lab = acme.workspaces.create(company=acme, name="Lab")
    alice.post(PAGE, {**REPORTS, "workspace": lab.id})
    page = alice.get(f"/settings/workspaces/{lab.id}/").content.decode()
    assert "1 application is for its people" in page
    answer = alice.post(f"/settings/workspaces/{lab.id}/", {"delete": ""})
    assert answer.status_code == 422
    assert acme.workspaces.filter(id=lab.id).exists()


def test_the_database_takes_no_address_that_a_browser_would_run(acme):
    with pytest.raises(IntegrityError), transaction.atomic():
        acme.applications.create(company=acme, name="X", url="javascript:alert(1)")


def test_another_company_has_no_way_to_them(acme, alice):
    alice.post(PAGE, REPORTS)
    row = acme.applications.get()
    globex = make_company("globex")
    mallory = Browser().enter(make_administrator(globex))
    for send in (mallory.get, mallory.post):
        assert send(f"{PAGE}{row.id}/").status_code == 404
    assert mallory.post(f"{PAGE}{row.id}/", {"remove": ""}).status_code == 404
    answer = mallory.post(PAGE, {**REPORTS, "workspace": acme.workspaces.get().id})
    assert answer.status_code == 422
    assert "Reports" not in mallory.get(PAGE).content.decode()
    assert acme.applications.count() == 1


def test_an_administrator_without_any_is_led_to_the_page_until_there_is_one(acme, alice):
    assert "Add the applications" in alice.get("/").content.decode()
    alice.post(PAGE, {**REPORTS, "workspace": acme.workspaces.get().id})
    assert "Add the applications" not in alice.get("/").content.decode()
