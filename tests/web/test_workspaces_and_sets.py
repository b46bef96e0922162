"""Settings > Workspaces and > Permission sets: made, changed, deleted when nothing uses them."""

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Permission, PermissionSet, User, Workspace
from tests.browsing import Browser
from tests.world import give, make_administrator, make_company, make_rule, make_user

pytestmark = pytest.mark.django_db
WORKSPACES, SETS = "/settings/workspaces/", "/settings/permissions/"


def last_event() -> tuple[str, dict]:
    return AuditEvent.objects.order_by("-id").values_list("event", "details")[0]


def test_a_workspace_is_made_renamed_and_deleted(acme, alice):
    alice.post(WORKSPACES, {"name": "  Paris "})
    row = Workspace.objects.get(name="Paris")
    alice.post(f"{WORKSPACES}{row.id}/", {"name": "Lyon"})
    assert last_event() == ("workspace:renamed", {"name": ["Paris", "Lyon"]})
    alice.post(f"{WORKSPACES}{row.id}/", {"delete": ""})
    assert last_event()[0] == "workspace:deleted"
    assert not Workspace.objects.filter(id=row.id).exists()


@pytest.mark.parametrize("name", ["", "  ", "Production", "x" * 151, "\x00"])
def test_a_name_that_cannot_be_is_refused(acme, alice, name):
    answer = alice.post(WORKSPACES, {"name": name})
    assert answer.status_code in (302, 422)
    assert Workspace.objects.filter(name="Production").count() == 1
    if answer.status_code == 302:
        assert Workspace.objects.exclude(name="Production").get().name


def test_two_names_differ_by_more_than_upper_and_lower_case(acme, alice):
    for page in ("/settings/workspaces/", "/settings/permissions/"):
        row = acme.workspaces.get() if "workspaces" in page else acme.permission_sets.get()
        answer = alice.post(page, {"name": row.name.upper()})
        assert answer.status_code == 422
        assert "of this name already" in answer.content.decode()
    workspace = acme.workspaces.get()
    alice.post(f"/settings/workspaces/{workspace.id}/", {"name": "PRODUCTION"})
    assert acme.workspaces.get().name == "PRODUCTION"


def test_a_workspace_in_use_stays_and_the_page_says_by_what(acme, alice):
    give(make_user(acme, "bob@acme.example"))
    make_rule(acme, "analysts", workspace="Production", permission_set="Analyst")
    row = Workspace.objects.get(name="Production")
    page = alice.get(f"{WORKSPACES}{row.id}/").content.decode()
    for text in ("1 person has it", "Newcomers get it", "1 provisioning rule gives it"):
        assert text in page
    answer = alice.post(f"{WORKSPACES}{row.id}/", {"delete": ""})
    assert answer.status_code == 422
    assert "still in use" in answer.content.decode()
    assert Workspace.objects.filter(id=row.id).exists()


def test_a_change_of_rights_is_shown_for_how_many_it_is_before_it_is_saved(acme, alice):
    Permission.objects.create(key="a.b", name_en="Do b", name_fr="Faire b")
    row = PermissionSet.objects.get()
    give(make_user(acme, "bob@acme.example"))
    fields = {"name": "Analyst", "permissions": ["a.b"]}
    page = alice.post(f"{SETS}{row.id}/", fields).content.decode()
    assert "This changes what 1 person may do" in page
    assert "they get: Do b" in page
    assert "they lose: Export reports" in page
    assert [one.key for one in row.permissions.all()] == ["reports.export"]
    alice.post(f"{SETS}{row.id}/", {**fields, "confirmed": "on"})
    assert [one.key for one in row.permissions.all()] == ["a.b"]
    assert last_event() == (
        "permission_set:changed",
        {"permissions": [["reports.export"], ["a.b"]]},
    )


def test_a_permission_set_is_made_with_what_it_allows_and_deleted(acme, alice):
    alice.post(SETS, {"name": "Viewer", "permissions": ["reports.export", "no.such"]})
    row = PermissionSet.objects.get(name="Viewer")
    assert [one.key for one in row.permissions.all()] == ["reports.export"]
    alice.post(f"{SETS}{row.id}/", {"delete": ""})
    assert not PermissionSet.objects.filter(id=row.id).exists()
    default = PermissionSet.objects.get()
    assert alice.post(f"{SETS}{default.id}/", {"delete": ""}).status_code == 422


def test_a_renamed_workspace_is_told_by_its_new_name_at_the_next_sign_in(acme, alice):
    row = Workspace.objects.get()
    alice.post(f"{WORKSPACES}{row.id}/", {"name": "Lab"})
    Browser().sign_in(acme.connections.select_related("company").get())
    user = User.objects.get(provisioned_by="jit")
    steps = user.sign_ins.get().steps
    assert any(step["values"].get("workspace") == "Lab" for step in steps)


def test_another_company_has_no_way_to_them(acme):
    mallory = Browser().enter(make_administrator(make_company("globex")))
    workspace = acme.workspaces.get()
    permission_set = acme.permission_sets.get()
    for path in (f"{WORKSPACES}{workspace.id}/", f"{SETS}{permission_set.id}/"):
        assert mallory.get(path).status_code == 404
        assert mallory.post(path, {"delete": ""}).status_code == 404
        assert mallory.post(path, {"name": "Hers"}).status_code == 404
    assert acme.workspaces.get().name == "Production"
    assert "Lab" not in mallory.get(WORKSPACES).content.decode()
