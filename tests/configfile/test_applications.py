"""Applications in the configuration file, and `passerelle applications`."""

import json
from datetime import UTC, datetime

import pytest

from passerelle.directory.applications import draft_of
from passerelle.directory.models import Application, ApplicationHost
from passerelle.oidc.clients import Client
from passerelle.oidc.models import ClientSecret
from tests.configfile.files import EXAMPLE

pytestmark = pytest.mark.django_db
SECRET = "a secret that is long enough".replace(" ", "-")
REPORTS = """
  [[companies.applications]]
  name = "Reports"
  url = "https://reports.acme.example/"
  kind = "oidc"
  workspaces = ["Production"]
  permission = "reports.export"
  client_id = "reports"
  client_secret_file = "reports.secret"
  redirect_uris = ["https://reports.acme.example/oauth2/callback"]
  post_logout_redirect_uris = ["https://reports.acme.example/"]
  backchannel_logout_uri = "https://reports.acme.example/logout"
  default_role = "None"
    [companies.applications.roles]
    Administrator = "Admin"
    Analyst = "Viewer"
"""
WIKI = """
  [[companies.applications]]
  name = "Wiki"
  url = "https://wiki.acme.example/"
  kind = "proxy"
  hosts = ["WIKI.acme.example", "wiki.acme.example:8443"]
"""


@pytest.fixture
def file(operator):
    operator.write("reports.secret", SECRET + "\n")
    return operator


def test_a_file_says_all_of_an_application_and_says_it_once(file):
    file.apply(EXAMPLE)
    lines = file.apply(EXAMPLE + REPORTS + WIKI)
    assert lines == [
        "+ acme: application Reports",
        "+ acme: application Wiki",
        "~ acme: application Reports: client_secret",
        "3 changes",
    ]
    assert file.apply(EXAMPLE + REPORTS + WIKI) == ["0 changes"]
    held = draft_of(Application.objects.get(name="Reports"))
    assert [one.name for one in held.workspaces] == ["Production"]
    assert held.permission.key == "reports.export"
    assert [(given.name, role) for given, role in held.roles] == [
        ("Administrator", "Admin"),
        ("Analyst", "Viewer"),
    ]
    assert draft_of(Application.objects.get(name="Wiki")).hosts == (
        "wiki.acme.example",
        "wiki.acme.example:8443",
    )


def test_what_is_exported_changes_nothing_and_holds_no_secret(file):
    file.apply(EXAMPLE + REPORTS + WIKI)
    text = file.export()
    assert SECRET not in text
    assert "[companies.applications.roles]" in text
    assert file.apply(text) == ["0 changes"]


def test_the_order_of_the_roles_is_a_change(file):
    file.apply(EXAMPLE + REPORTS)
    first, second = '    Administrator = "Admin"\n', '    Analyst = "Viewer"\n'
    turned = REPORTS.replace(first + second, second + first)
    [line, count] = file.apply(EXAMPLE + turned)
    assert "roles: {Administrator = Admin, Analyst = Viewer} → {Analyst" in line
    assert count == "1 changes"


def test_the_secret_of_the_file_counts_and_an_old_one_goes_on_for_a_day(file):
    file.apply(EXAMPLE + REPORTS)
    row = Application.objects.get()
    client = Client(row, now=datetime.now(UTC))
    assert client.check_client_secret(SECRET)
    file.write("reports.secret", "another-secret-of-this-client")
    assert file.apply(EXAMPLE + REPORTS) == [
        "~ acme: application Reports: client_secret",
        "1 changes",
    ]
    assert client.check_client_secret(SECRET)
    assert client.check_client_secret("another-secret-of-this-client")
    assert ClientSecret.objects.filter(expires_at=None).count() == 1


def test_a_dry_run_shows_all_of_it_and_does_nothing(file):
    file.apply(EXAMPLE)
    assert file.apply(EXAMPLE + REPORTS, "--dry-run")[-1] == "2 changes"
    assert not Application.objects.exists()


def test_a_client_without_an_id_gets_one_that_stays(file):
    text = EXAMPLE + REPORTS.replace('  client_id = "reports"\n', "")
    file.apply(text)
    assert Application.objects.get().client_id == "acme-reports"
    assert file.apply(text) == ["0 changes"]


def test_a_client_id_and_a_host_may_pass_from_one_application_to_another(file):
    file.apply(EXAMPLE + REPORTS + WIKI)
    lines = file.apply(EXAMPLE + REPORTS.replace('"Reports"', '"Sales"') + WIKI, "--allow-removals")
    assert "- acme: application Reports" in lines
    assert Application.objects.get(client_id="reports").name == "Sales"
    assert ApplicationHost.objects.count() == 2


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ('"oidc"', '"saml"', "kind: expected 'link', 'oidc' or 'proxy'; received 'saml'"),
        ('["Production"]', '["Lab"]', "workspaces[0]: expected one of this company's workspaces"),
        ('"reports.export"', '"reports.burn"', "permission: expected one of dashboards.view"),
        (
            "Administrator = ",
            "Nobody = ",
            "roles.Nobody: expected one of this company",
        ),
        ("https://reports.acme.example/oauth2", "javascript:x", "expected an address such as"),
        (
            '["https://reports.acme.example/oauth2/callback"]',
            "[]",
            "redirect_uris: expected at least one address with oidc",
        ),
        ('"reports.secret"', '"nothing"', "client_secret_file: expected a file that can be read"),
        ('kind = "oidc"', 'kind = "proxy"', 'client_id: expected kind = "oidc" beside it'),
        ('  client_id = "reports"', '  client_id = "a b"', "client_id: expected"),
        ('  client_id = "reports"', "  public = true", "client_secret_file: expected none with"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(file, old, new, wrong):
    file.apply(EXAMPLE)
    assert old in REPORTS
    assert wrong in file.refused(EXAMPLE + REPORTS.replace(old, new, 1))
    assert not Application.objects.exists()


@pytest.mark.parametrize("content", ["short", "two words of a secret that is long", ""])
def test_a_file_that_holds_no_secret_is_refused(file, content):
    file.write("reports.secret", content)
    assert "expected a file with a secret of at least 16" in file.refused(EXAMPLE + REPORTS)


def test_a_proxy_without_a_host_or_with_our_own_is_refused(file):
    without = WIKI.replace('  hosts = ["WIKI.acme.example", "wiki.acme.example:8443"]\n', "")
    assert "hosts: expected at least one host with proxy" in file.refused(EXAMPLE + without)
    ours = WIKI.replace("WIKI.acme.example", "127.0.0.1:8000")
    assert "expected another host than Passerelle's own" in file.refused(EXAMPLE + ours)


def test_the_old_word_for_one_workspace_is_understood(file):
    text = EXAMPLE + REPORTS.replace('workspaces = ["Production"]', 'workspace = "Production"')
    file.apply(text)
    assert [one.name for one in Application.objects.get().workspaces.all()] == ["Production"]


def test_applications_are_listed_for_machines(file):
    file.apply(EXAMPLE + REPORTS + WIKI)
    status, out, _ = file.run("applications", "list", "--json")
    assert status == 0
    reports, wiki = json.loads(out)
    assert reports == {
        "company": "acme",
        "name": "Reports",
        "kind": "oidc",
        "url": "https://reports.acme.example/",
        "client_id": "reports",
        "redirect_uris": ["https://reports.acme.example/oauth2/callback"],
        "hosts": [],
        "workspaces": ["Production"],
        "permission": "reports.export",
        "roles": {"Administrator": "Admin", "Analyst": "Viewer"},
    }
    assert wiki["hosts"] == ["wiki.acme.example", "wiki.acme.example:8443"]
    assert json.loads(file.run("applications", "list", "--company", "acme", "--json")[1])
    assert "expected the slug of a company" in file.run("applications", "list", "--company", "x")[2]


def test_a_new_secret_is_printed_once_and_alone(file):
    file.apply(EXAMPLE + REPORTS + WIKI)
    status, out, err = file.run("applications", "secret", "Reports", "--company", "acme")
    assert (status, err) == (0, "")
    client = Client(Application.objects.get(name="Reports"), now=datetime.now(UTC))
    assert client.check_client_secret(out.strip())
    assert client.check_client_secret(SECRET)
    _, out, _ = file.run("applications", "secret", "Reports", "--company", "acme", "--now")
    assert client.check_client_secret(out.strip())
    assert not client.check_client_secret(SECRET)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Nothing", "expected an application of acme (Reports, Wiki), received 'Nothing'"),
        ("Wiki", "has no secret: it is no confidential OIDC client"),
    ],
)
def test_what_has_no_secret_gets_none(file, name, wrong):
    file.apply(EXAMPLE + REPORTS + WIKI)
    status, out, err = file.run("applications", "secret", name, "--company", "acme")
    assert (status, out) == (2, "")
    assert wrong in err
