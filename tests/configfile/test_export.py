"""What is exported, applied again, changes nothing: whatever was set, and however."""

import tomllib

import pytest

from passerelle.directory.models import Company, Permission, PermissionSet, Workspace
from tests.configfile.files import EXAMPLE, pem_of
from tests.world import make_company, make_rule, make_user

pytestmark = pytest.mark.django_db

ODD = 'É"quo\'te"\\ \\n {braces} # hash = [[x]] 😀 \u2028 \u202e العربية \'\'\' """'
EVERYTHING = f"""
permissions = [
  {{ key = "members.manage", name = {{ en = "Manage", fr = "Gérer les « membres »" }} }},
  {{ key = "dashboards.view", name = {{ en = '''It's "here"''', fr = "Voir" }} }},
]

[[companies]]
slug = "acme-1"
name = '''{ODD.replace("'''", "''")}'''
jit_provisioning_available = true
workspaces = [{{ name = "Zoo" }}, {{ name = "é" }}, {{ name = "a b" }}, {{ name = "Ab" }}]
permission_sets = [
  {{ name = "All", permissions = ["members.manage", "dashboards.view", "members.manage"] }},
  {{ name = "None", permissions = [] }},
]
applications = [
  {{ name = "Reports", url = "https://reports.acme.example/?a=b&c#d", workspace = "Zoo" }},
  {{ name = "é", url = "http://intranet/" }},
]
domains = [
  {{ name = "Bücher.example", verified = true, connection = "two" }},
  {{ name = "acme.example" }},
]

[[companies.saml]]
slug = "one"
name = "One"
metadata_file = "idp-metadata.xml"
certificates = ["next.pem", '''{pem_of("third")}''']
sp_entity_id = "urn:passerelle:one"
subject_attribute = "urn:oid:0.9.2342.19200300.100.1.1"
email_attribute = "courriel"
first_name_attribute = "prénom"
last_name_attribute = "nom"
value_separator = ";"
absent_is_empty = false
idp_initiated = true
allow_cbc = true
force_authn = true
name_id_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
authn_contexts = ["urn:a", "urn:b"]
request_binding = "post"
sign_requests = true
logout_url = "https://idp.acme.example/slo?a=b&c"
logout_binding = "post"
logout_answer_url = "https://idp.acme.example/done"
metadata_url = "https://idp.acme.example/metadata"

[[companies.saml]]
slug = "two"
name = "Not there yet"
enabled = false

[companies.provisioning]
automatic_user_provisioning = true
default_workspace = "é"
default_permission_set = "None"
domains = ["z.example", "BÜCHER.example", "z.example"]
newcomers = "approve"
existing_accounts = "refuse"
update_profile = false
sync_rules = "first_sign_in"
rules = [
  {{ attribute = "groups", equals = "", workspace = "Zoo", permission_set = "All" }},
  {{ attribute = 'a"b', matches = '^\\d+\\\\"$', workspace = "Ab", permission_set = "All" }},
  {{ attribute = "groups", equals = "tab\\there", workspace = "Zoo", permission_set = "None" }},
]

[companies.google_sso]
client_id = "123.apps"
hosted_domain = "acme.example"

[companies.security]
password_min_length = 12
password_complexity = true
password_reuse = 0
password_expiry_days = 90
session_minutes = 10080
two_factor = "required"
sso_enforcement = "test_users"
ip_allowlist = ["203.0.113.9/24", "2001:DB8::/32", "192.0.2.1"]

[[companies]]
slug = "empty"
name = "Empty"
  [companies.provisioning]
  domains = []
"""


@pytest.mark.parametrize("text", ["", EXAMPLE, EVERYTHING], ids=["none", "example", "everything"])
def test_what_is_exported_and_applied_again_changes_nothing(operator, text):
    operator.write("next.pem", pem_of("next"))
    operator.apply(text)
    assert operator.apply(text) == ["0 changes"]
    exported = operator.export()
    assert operator.apply(exported) == ["0 changes"]
    assert operator.export() == exported


def test_a_new_installation_exports_what_changes_nothing(operator):
    assert operator.apply(operator.export()) == ["0 changes"]


def test_an_export_makes_the_same_installation_elsewhere(operator):
    operator.write("next.pem", pem_of("next"))
    operator.apply(EVERYTHING)
    exported = operator.export()
    slugs = [one["slug"] for one in tomllib.loads(exported)["companies"]]
    operator.apply("".join(f'[[companies]]\nslug = "{slug}"\nname = "x"\n' for slug in slugs))
    assert operator.export() != exported
    operator.apply(exported)
    assert operator.export() == exported


def test_everything_that_was_set_is_in_the_export(operator):
    operator.write("next.pem", pem_of("next"))
    operator.apply(EVERYTHING)
    exported = tomllib.loads(operator.export())
    acme = exported["companies"][0]
    assert acme["name"] == ODD.replace("'''", "''")
    assert [one["name"] for one in acme["permission_sets"]] == ["All", "None"]
    assert len(acme["saml"][0]["certificates"]) == 3
    assert acme["provisioning"]["domains"] == ["xn--bcher-kva.example", "z.example"]
    assert [one.get("matches") for one in acme["provisioning"]["rules"]] == [
        None,
        '^\\d+\\\\"$',
        None,
    ]
    assert acme["security"]["ip_allowlist"] == [
        "203.0.113.0/24",
        "2001:db8::/32",
        "192.0.2.1/32",
    ]
    assert exported["companies"][1]["provisioning"]["domains"] == []


def test_one_company_is_exported_alone(operator):
    operator.apply(EXAMPLE)
    make_company("globex")
    exported = operator.export("--company", "globex")
    assert [one["slug"] for one in tomllib.loads(exported)["companies"]] == ["globex"]
    assert operator.apply(exported) == ["0 changes"]


def test_what_was_made_in_pages_is_exported_too(operator):
    operator.apply(EXAMPLE)
    acme = Company.objects.get()
    make_rule(acme, "labs", workspace="Lab", permission_set="Viewer")
    assert operator.apply(operator.export()) == ["0 changes"]


def test_the_order_of_the_catalogue_is_exported(operator):
    operator.apply("")
    for position, one in enumerate(reversed(Permission.objects.all())):
        one.position = position
        one.save()
    exported = operator.export()
    assert exported.index("members.manage") < exported.index("dashboards.view")
    assert operator.apply(exported) == ["0 changes"]


def test_no_secret_and_no_person_is_exported(operator):
    operator.apply(EXAMPLE)
    make_user(Company.objects.get(), "bob@acme.example", password="argon2$hash")
    exported = operator.export()
    assert "bob@" not in exported
    assert "argon2" not in exported
    assert "PRIVATE" not in exported


def test_a_company_that_does_not_exist_is_named(operator):
    status, out, err = operator.run("export", "--company", "nobody")
    assert (status, out) == (2, "")
    assert err == "passerelle: --company: expected the slug of a company, received 'nobody'\n"


def test_names_that_differ_by_case_are_different(operator):
    operator.apply(EXAMPLE)
    acme = Company.objects.get()
    Workspace.objects.create(company=acme, name="production")
    PermissionSet.objects.create(company=acme, name="ANALYST")
    assert operator.apply(operator.export()) == ["0 changes"]
