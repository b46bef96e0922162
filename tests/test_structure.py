"""The shape of the code, as far as a test can hold it."""

import ast
import inspect
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from django.urls import get_resolver

import passerelle
from passerelle.web.people.user_filters import FILTERS as USER_FILTERS
from passerelle.web.records.audit import FILTERS as AUDIT_FILTERS
from tests.browsing import Browser, reference_in
from tests.world import make_administrator, make_company, make_user

SOURCE = Path(passerelle.__file__).parent
NOBODY = "00000000-0000-7000-8000-000000000000"
SETTINGS_PAGES = [
    "/settings/directory-sync/",
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
    "/settings/applications/new/",
    "/settings/applications/new/grafana/",
    f"/settings/applications/{NOBODY}/",
    f"/settings/applications/{NOBODY}/preview/",
    "/settings/workspaces/",
    f"/settings/workspaces/{NOBODY}/",
    "/settings/permissions/",
    f"/settings/permissions/{NOBODY}/",
    "/settings/audit/",
    "/settings/audit/audit.csv",
    "/settings/audit/audit.jsonl",
]
SETTINGS_ACTIONS = [
    f"/settings/directory-sync/{NOBODY}/revoke/",
    f"/settings/applications/{NOBODY}/secret/",
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


def test_no_folder_holds_more_than_twenty_modules():
    held: dict[Path, list[str]] = {}
    for path in SOURCE.rglob("*.py"):
        if "migrations" not in path.parts and path.name != "__init__.py":
            held.setdefault(path.parent, []).append(path.name)
    assert {str(folder): len(names) for folder, names in held.items() if len(names) > 20} == {}


def test_every_package_says_in_a_line_what_it_owns():
    silent = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("__init__.py")
        if "migrations" not in path.parts and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports, and the names that it imports from them, dotted."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found


def test_no_modules_import_each_other_not_even_for_types():
    names = {}
    for path in SOURCE.rglob("*.py"):
        dotted = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        names[dotted.removesuffix(".__init__")] = path
    graph = {}
    for name, path in names.items():
        found = imports_of(path) & names.keys()
        # `from package import module` is an import of the module, not of the package.
        inner = {one.rpartition(".")[0] for one in found}
        graph[name] = {one for one in found if one not in inner} - {name}
    assert list(TopologicalSorter(graph).static_order())


def test_no_view_imports_a_view():
    patterns = get_resolver("passerelle.web.urls").url_patterns
    views = {inspect.unwrap(pattern.callback).__module__ for pattern in patterns}
    found = {
        (view, other)
        for view in views
        for other in imports_of(Path(sys.modules[view].__file__)) & views
    }
    assert found == set()


def test_nothing_below_the_pages_knows_a_request():
    below = ("administration", "sso", "directory", "audit", "provisioning", "saml", "infra", "jobs")
    knowing = {
        str(path.relative_to(SOURCE))
        for room in below
        for path in (SOURCE / room).rglob("*.py")
        if any(one.startswith("django.http") for one in imports_of(path))
    }
    assert knowing == set()


def test_every_address_has_a_name_and_none_is_typed():
    patterns = get_resolver("passerelle.web.urls").url_patterns
    assert [str(one.pattern) for one in patterns if not one.name] == []
    starts = {str(one.pattern).partition("/")[0].partition("<")[0] for one in patterns} - {""}
    any_start = "|".join(sorted(starts))
    typed = re.compile(rf"""["'}}](/(?:{any_start})/)""")
    found = {
        (str(path.relative_to(SOURCE)), match[1])
        for kind in ("*.py", "*.html", "*.txt")
        for path in SOURCE.rglob(kind)
        for match in typed.finditer(path.read_text())
        if not {"practice_idp", "practice_dashboard"} & set(path.parts)
    }
    # What begins so, whatever comes behind it; and an address of Google's.
    assert found == {
        ("sso/sign_in/google.py", "/.well-known/"),
        ("web/sign_in/admit_session.py", "/forward-auth/"),
        ("web/sign_in/admit_session.py", "/oidc/"),
        ("web/frame/middleware.py", "/auth/"),
        ("web/frame/middleware.py", "/settings/"),
        ("web/settings/connection_form.py", "/auth/"),
        ("web/templates/frame.html", "/settings/"),
    }


def test_one_place_raises_the_version_of_a_companys_settings():
    raising = re.compile(r"version\s*\+= 1|version=F\(")
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "migrations" not in path.parts and raising.search(path.read_text())
    }
    assert found == {"directory/models/company.py"}


def test_every_way_of_signing_in_ends_in_one_function():
    opening = re.compile(r"\bSession(?:\.objects\.(?:create|bulk_create|get_or_create))?\(")
    places = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if opening.search(path.read_text()) and "migrations" not in path.parts
    ]
    assert sorted(places) == ["sso/models/sessions.py", "sso/sessions/session.py"]


@pytest.mark.django_db
@pytest.mark.parametrize("written", ["row.save()", "type(row).objects.update(name='Other')"])
def test_settings_that_are_written_anywhere_else_fail_a_test(written):
    elsewhere = compile(written, str(SOURCE / "web/elsewhere.py"), "exec")
    with pytest.raises(AssertionError, match=r"elsewhere\.py writes Company, past .*settings\.py"):
        exec(elsewhere, {"row": make_company()})


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
        for pattern in get_resolver("passerelle.web.urls").url_patterns
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
    texts = [path.read_text() for path in (SOURCE / "web").rglob("*.py")]
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
