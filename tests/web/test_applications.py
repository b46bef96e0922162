"""Settings > Applications, and what stands on people's dashboards."""

import re
import tomllib
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from lxml import html

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.directory.applications import ApplicationDraft, add_application
from passerelle.directory.models import Application, Membership, Permission
from passerelle.oidc.clients import Client
from passerelle.sso.models import Session
from passerelle.sso.records.traces import keep_application_visit
from passerelle.web.applications.products import PRODUCTS
from tests.browsing import Browser
from tests.world import GRACE, give, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/applications/"
NEW = f"{PAGE}new/link/"
REPORTS = {"name": "Reports", "url": "https://reports.acme.example/"}


def shown_to(user) -> list[str]:
    """The applications on somebody's dashboard."""
    page = Browser().enter(user).get("/").content.decode()
    listed = re.search(r'<ul class="applications".*?>(.*?)</ul>', page, re.DOTALL)
    return re.findall(r'<a href="([^"]+)">', listed[1]) if listed else []


def last_event() -> tuple[str, dict]:
    return AuditEvent.objects.order_by("-id").values_list("event", "details")[0]


def test_an_application_for_everybody_stands_on_every_dashboard_of_the_company(acme, alice):
    bob = make_user(acme, "bob@acme.example")
    assert shown_to(bob) == []
    answer = alice.post(NEW, REPORTS, follow=True)
    assert "The application was added." in answer.content.decode()
    assert shown_to(bob) == ["https://reports.acme.example/"]
    assert shown_to(make_user(make_company("globex"), "eve@globex.example")) == []
    assert last_event() == (
        "application:added",
        {
            "name": "Reports",
            "url": "https://reports.acme.example/",
            "kind": "link",
            "product": "link",
        },
    )


def test_what_was_opened_last_comes_first(acme):
    bob = make_user(acme, "bob@acme.example")
    rows = [
        Application.objects.create(company=acme, name=name, url=f"https://{name}.acme.example/")
        for name in ("a", "b", "c")
    ]
    now = timezone.now()
    for row, hours in ((rows[2], 5), (rows[1], 2)):
        visited = now - timedelta(hours=hours)
        keep_application_visit(row, bob, address=None, now=visited)
    assert [url[8:9] for url in shown_to(bob)] == ["b", "c", "a"]


def test_who_has_many_finds_one_by_its_name(acme):
    bob = make_user(acme, "bob@acme.example")
    for number in range(7):
        url = f"https://{number}.acme.example/"
        Application.objects.create(company=acme, name=f"Report {number}", url=url)
    browser = Browser().enter(bob)
    assert 'type="search"' in browser.get("/").content.decode()
    found = browser.get("/", {"q": " REPORT 3"})
    assert [row.name for row, _tone in found.context["applications"]] == ["Report 3"]
    assert "No application of yours is called so." in browser.get("/?q=%00zzz").content.decode()
    Application.objects.first().delete()
    assert 'type="search"' not in browser.get("/").content.decode()


def test_whoever_signs_in_is_led_straight_into_the_application_that_opens(acme, alice):
    connection = acme.connections.get()
    workspace = acme.workspaces.get().id
    alice.post(NEW, {**REPORTS, "open_at_sign_in": "on", "workspaces": workspace})
    answer = Browser().sign_in(connection)
    assert answer["Refresh"] == f"0; url={REPORTS['url']}"
    # Who asked for something is led there; who administers, or may not open it, to our own page.
    assert Browser().sign_in(connection, next_path="/account/")["Location"] == "/account/"
    acme.users.filter(email=GRACE.email).update(is_administrator=True)
    assert Browser().sign_in(connection)["Location"] == "/"
    acme.users.filter(email=GRACE.email).update(is_administrator=False)
    Application.objects.get().workspaces.set([])
    acme.refresh_from_db()
    Application.objects.update(permission=Permission.objects.create(key="x", name_en="X"))
    acme.raise_version()
    assert Browser().sign_in(connection)["Location"] == "/"


def test_one_application_opens_at_sign_in_the_one_that_was_chosen_last(acme, alice):
    alice.post(NEW, {**REPORTS, "open_at_sign_in": "on"})
    alice.post(NEW, {**REPORTS, "name": "Second", "open_at_sign_in": "on"})
    assert [row.name for row in Application.objects.filter(open_at_sign_in=True)] == ["Second"]
    first = Application.objects.get(name="Reports")
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(id=first.id).update(open_at_sign_in=True)


def test_one_for_a_workspace_is_seen_by_its_people_only_and_as_long_as_they_are_in_it(acme, alice):
    alice.post(NEW, {**REPORTS, "workspaces": acme.workspaces.get().id})
    bob, carol = (make_user(acme, f"{name}@acme.example") for name in ("bob", "carol"))
    give(bob)
    give(bob, source="rule")
    assert shown_to(bob) == ["https://reports.acme.example/"]
    assert shown_to(carol) == []
    Membership.objects.all().delete()
    assert shown_to(bob) == []


def test_it_is_changed_and_what_changed_is_recorded(acme, alice):
    alice.post(NEW, REPORTS)
    row = acme.applications.get()
    workspace = acme.workspaces.get()
    fields = {"name": "Sales", "url": REPORTS["url"], "workspaces": workspace.id}
    assert alice.post(f"{PAGE}{row.id}/", fields).status_code == 302
    assert last_event() == (
        "application:changed",
        {"name": ["Reports", "Sales"], "workspaces": [[], ["Production"]]},
    )
    count = AuditEvent.objects.count()
    alice.post(f"{PAGE}{row.id}/", fields)
    assert AuditEvent.objects.count() == count
    page = alice.get(f"{PAGE}{row.id}/").content.decode()
    assert f'value="{workspace.id}" checked' in page


def test_removing_it_says_from_how_many_dashboards_it_disappears(acme, alice):
    alice.post(NEW, {**REPORTS, "workspaces": acme.workspaces.get().id})
    for number in range(3):
        give(make_user(acme, f"p{number}@acme.example"))
    row = acme.applications.get()
    page = alice.get(f"{PAGE}{row.id}/").content.decode()
    assert "3 people cannot sign in to it any more" in page
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
        ({"workspaces": "00000000-0000-7000-8000-000000000000"}, "is not one of the available"),
        ({"workspaces": "no identifier"}, "is not a valid"),
        ({"permission": "nothing.such"}, "Select one from the list"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(acme, alice, changes, sentence):
    answer = alice.post(NEW, {**REPORTS, **changes})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    [name] = changes
    assert f'id="{name}-error"' in page
    assert not Application.objects.exists()
    if name != "name":
        assert 'value="Reports"' in page


def test_two_names_differ_by_more_than_upper_and_lower_case(acme, alice):
    alice.post(NEW, REPORTS)
    answer = alice.post(NEW, {**REPORTS, "name": "REPORTS"})
    assert answer.status_code == 422
    assert "There is an application of this name already." in answer.content.decode()
    alice.post(NEW, {**REPORTS, "name": "Other"})
    row = acme.applications.get(name="Other")
    lab = acme.workspaces.create(company=acme, name="Lab")
    fields = {**REPORTS, "url": "https://elsewhere.example/", "workspaces": lab.id}
    answer = alice.post(f"{PAGE}{row.id}/", fields)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "<h1>Other</h1>" in page
    assert f'href="{REPORTS["url"]}"' in page
    assert "1 person cannot sign in to it any more" in page


def test_names_that_the_file_gave_in_capitals_and_small_letters_can_both_be_edited(acme, alice):
    for name in ("reports", "Reports"):
        acme.applications.create(company=acme, name=name, url="https://a.example/")
    row = acme.applications.get(name="reports")
    fields = {**REPORTS, "name": "reports"}
    assert alice.post(f"{PAGE}{row.id}/", fields).status_code == 302
    assert acme.applications.get(name="reports").url == REPORTS["url"]


def test_an_address_in_capitals_is_one_as_well(acme, alice):
    assert alice.post(NEW, {**REPORTS, "url": "HTTPS://Reports.acme.example"}).status_code == 302
    assert acme.applications.get().host == "reports.acme.example"


def test_fifty_are_enough(acme, alice):
    Application.objects.bulk_create(
        Application(company=acme, name=f"A{number:03}", url="https://a.example")
        for number in range(Application.MOST)
    )
    assert "at most 50 applications" in alice.get(PAGE).content.decode()
    answer = alice.post(NEW, REPORTS)
    assert answer.status_code == 422
    assert "remove one first" in answer.content.decode()
    assert acme.applications.count() == Application.MOST


def test_a_workspace_that_an_application_is_for_stays(acme, alice):
    lab = acme.workspaces.create(company=acme, name="Lab")
    alice.post(NEW, {**REPORTS, "workspaces": lab.id})
    page = alice.get(f"/settings/workspaces/{lab.id}/").content.decode()
    assert "1 application is for its people" in page
    answer = alice.post(f"/settings/workspaces/{lab.id}/", {"delete": ""})
    assert answer.status_code == 422
    assert acme.workspaces.filter(id=lab.id).exists()


def test_the_database_takes_no_address_that_a_browser_would_run(acme):
    with pytest.raises(IntegrityError), transaction.atomic():
        acme.applications.create(company=acme, name="X", url="javascript:alert(1)")


def test_another_company_has_no_way_to_them(acme, alice):
    alice.post(NEW, REPORTS)
    row = acme.applications.get()
    globex = make_company("globex")
    mallory = Browser().enter(make_administrator(globex))
    for send in (mallory.get, mallory.post):
        assert send(f"{PAGE}{row.id}/").status_code == 404
    assert mallory.post(f"{PAGE}{row.id}/", {"remove": ""}).status_code == 404
    answer = mallory.post(NEW, {**REPORTS, "workspaces": acme.workspaces.get().id})
    assert answer.status_code == 422
    assert "Reports" not in mallory.get(PAGE).content.decode()
    assert acme.applications.count() == 1


def test_an_administrator_without_any_is_led_to_the_page_until_there_is_one(acme, alice):
    assert "Add the applications" in alice.get("/").content.decode()
    alice.post(NEW, {**REPORTS, "workspaces": acme.workspaces.get().id})
    assert "Add the applications" not in alice.get("/").content.decode()


GRAFANA = {"name": "Grafana", "url": "https://grafana.acme.example/"}


def test_a_dashboard_is_added_with_all_that_is_to_be_pasted_and_its_secret_once(acme, alice):
    analyst = acme.permission_sets.get()
    sent = {**GRAFANA, f"role_{analyst.id}": "Editor", "default_role": "Viewer"}
    answer = alice.post(f"{PAGE}new/grafana/", sent)
    page = alice.get(answer["Location"]).content.decode()
    row = acme.applications.get()
    assert row.client_id == "acme-grafana"
    assert row.redirect_uris == ["https://grafana.acme.example/login/generic_oauth"]
    assert [(one.permission_set, one.role) for one in row.roles.all()] == [(analyst, "Editor")]
    [secret] = re.findall(r"client_secret = (\S{43})", page)
    assert Client(row, now=timezone.now()).check_client_secret(secret)
    assert "client_id = acme-grafana" in page
    assert "auth_url = http://127.0.0.1:8000/oidc/authorize" in page
    assert "root_url = https://grafana.acme.example/" in page
    again = alice.get(f"{PAGE}{row.id}/").content.decode()
    assert secret not in again
    assert "client_secret = &lt;client secret&gt;" in again
    assert secret not in str(list(AuditEvent.objects.values()))


def test_a_new_secret_is_shown_once_and_recorded(acme, alice):
    alice.post(f"{PAGE}new/grafana/", GRAFANA)
    row = acme.applications.get()
    page = alice.post(f"{PAGE}{row.id}/secret/", follow=True).content.decode()
    [secret] = re.findall(r"client_secret = (\S{43})", page)
    assert row.client_secrets.count() == 2
    assert last_event()[0] == "application:secret_made"
    assert secret not in alice.get(f"{PAGE}{row.id}/").content.decode()
    bob = Browser().enter(make_user(acme, "bob@acme.example"))
    assert bob.post(f"{PAGE}{row.id}/secret/").status_code == 403
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert mallory.post(f"{PAGE}{row.id}/secret/").status_code == 404


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_is_added_and_says_what_to_paste(acme, alice, product):
    hostile = "Ops \"}'; {{ x }} <b> `id` $HOME"
    analyst = acme.permission_sets.get()
    sent = {"name": hostile, "url": "https://a.acme.example/x", f"role_{analyst.id}": hostile}
    assert alice.get(f"{PAGE}new/{product}/").status_code == 200
    answer = alice.post(f"{PAGE}new/{product}/", sent)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    page = html.fromstring(alice.get(answer["Location"]).content)
    files = {
        label.text: area.text
        for label, area in zip(
            page.xpath("//label[starts-with(@for, 'file-')]"),
            page.xpath("//textarea[starts-with(@id, 'file-')]"),
            strict=True,
        )
    }
    assert list(files) == list(PRODUCTS[product].files)
    for name, text in files.items():
        assert "{{" not in text.replace("{{ x }}", "")
        assert "{%" not in text
        assert "None" not in text.replace("response=None", "")
        if name.endswith(".py"):
            compile(text, name, "exec")
        if name.endswith(".toml"):
            tomllib.loads(text)


def test_roles_stand_in_the_order_of_the_product_s_own(acme, alice):
    lead = acme.permission_sets.create(company=acme, name="Lead")
    analyst = acme.permission_sets.get(name="Analyst")
    sent = {**GRAFANA, f"role_{analyst.id}": "Viewer", f"role_{lead.id}": "Admin"}
    alice.post(f"{PAGE}new/grafana/", sent)
    assert [one.role for one in acme.applications.get().roles.all()] == ["Admin", "Viewer"]


@pytest.mark.parametrize(
    ("product", "changes", "name", "sentence"),
    [
        ("grafana", {"redirect_uris": "javascript:alert(1)"}, "redirect_uris", "no address"),
        ("grafana", {"redirect_uris": "https://x.example/#a"}, "redirect_uris", "no address"),
        ("grafana", {"client_id": "a b"}, "client_id", "Enter letters"),
        ("grafana", {"backchannel_logout_uri": "x"}, "backchannel_logout_uri", "https://"),
        ("caddy", {"url": "http://127.0.0.1:8000/"}, "url", "host of Passerelle itself"),
        ("caddy", {"hosts": "a/b"}, "hosts", "is no host"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_beside_it(
    acme, alice, product, changes, name, sentence
):
    answer = alice.post(f"{PAGE}new/{product}/", {**GRAFANA, **changes})
    assert answer.status_code == 422
    assert sentence in str(answer.context["form"].errors[name])
    assert not Application.objects.exists()


def test_client_ids_and_hosts_belong_to_one_application_of_the_installation(acme, alice):
    add_held(make_company("globex"))
    wiki = {"name": "Wiki", "url": "https://wiki.acme.example/"}
    held = {**GRAFANA, "client_id": "acme-grafana"}
    for product, sent, sentence in (
        ("caddy", wiki, "Another application is registered for the host wiki.acme.example"),
        ("grafana", held, "Another application has this client ID"),
    ):
        answer = alice.post(f"{PAGE}new/{product}/", sent)
        assert answer.status_code == 422
        assert sentence in answer.content.decode()
    assert not acme.applications.exists()


def add_held(company):
    """What only whoever runs Passerelle could have given them."""
    now = timezone.now()
    for draft in (
        ApplicationDraft(
            name="Wiki",
            url="https://wiki.acme.example/",
            kind="proxy",
            hosts=("wiki.acme.example",),
        ),
        ApplicationDraft(
            name="Grafana",
            url="https://grafana.acme.example/",
            kind="oidc",
            client_id="acme-grafana",
            redirect_uris=("https://grafana.acme.example/",),
        ),
    ):
        add_application(company, draft, actor=OPERATOR, now=now)


def test_what_it_is_told_of_a_person_is_shown_without_signing_anybody_in(acme, alice):
    alice.post(f"{PAGE}new/grafana/", {**GRAFANA, "workspaces": acme.workspaces.get().id})
    row = acme.applications.get()
    bob = make_user(acme, "bob@acme.example")
    before = Session.objects.count()
    page = alice.get(f"{PAGE}{row.id}/preview/", {"email": "BOB@acme.example"}).content.decode()
    assert "belongs to none of its workspaces" in page
    give(bob)
    page = alice.get(f"{PAGE}{row.id}/preview/", {"email": "bob@acme.example"}).content.decode()
    assert "May open it" in page
    assert "Production/Analyst" in page
    assert str(bob.id) in page
    make_user(make_company("globex"), "eve@globex.example")
    page = alice.get(f"{PAGE}{row.id}/preview/", {"email": "eve@globex.example"}).content.decode()
    assert "No active account has the address" in page
    assert Session.objects.count() == before


def test_a_permission_set_that_names_a_role_stays(acme, alice):
    lead = acme.permission_sets.create(company=acme, name="Lead")
    alice.post(f"{PAGE}new/grafana/", {**GRAFANA, f"role_{lead.id}": "Admin"})
    answer = alice.post(f"/settings/permissions/{lead.id}/", {"delete": ""})
    assert answer.status_code == 422
    assert acme.permission_sets.filter(id=lead.id).exists()
