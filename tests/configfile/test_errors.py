"""Each kind of wrong value is one line that names file, line, key and value; nothing changes."""

import pytest

from passerelle.directory.models import Company, Permission
from tests.configfile.files import EXAMPLE, expired_key, metadata_of, pem_of
from tests.world import make_company

pytestmark = pytest.mark.django_db

ON = "companies[0].provisioning.automatic_user_provisioning"
INCOMPLETE = f"{ON}: expected a complete SAML connection first; what is missing:"
A_RULE = "companies[0].provisioning.rules[0]"
APPLICATION = """\
  [[companies.applications]]
  name = "Reports"
  url = "https://reports.acme.example/"
"""
ONE_OF_MANY = '{ name = "A", url = "https://a.example/" }, '
DOMAIN = "expected a domain such as acme.example"


def replaced(old, new):
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new, 1)


def after(line, new):
    """The example with another line after this one."""
    return replaced(line, f"{line}\n{new}")


# Each: the file, the line of it (its text, or a number), and what is said about it.
WRONG = {
    "text instead of true": (
        replaced("jit_provisioning_available = true", 'jit_provisioning_available = "yes"'),
        "jit_provisioning_available =",
        "companies[0].jit_provisioning_available: expected true or false; received 'yes'",
    ),
    "a number instead of true": (
        replaced("verified = true", "verified = 1"),
        "verified =",
        "companies[0].domains[0].verified: expected true or false; received 1",
    ),
    "a fraction": (
        replaced("session_minutes = 1440", "session_minutes = 60.0"),
        "session_minutes",
        "companies[0].security.session_minutes: expected a whole number; received 60.0",
    ),
    "too small": (
        replaced("password_min_length = 8", "password_min_length = 7"),
        "password_min_length",
        "companies[0].security.password_min_length: expected 8 or more; received 7",
    ),
    "a week without two factors": (
        replaced("session_minutes = 1440", "session_minutes = 1441"),
        "session_minutes",
        "companies[0].security.session_minutes: expected 1440 or less, or two_factor ="
        ' "required"; received 1441',
    ),
    "more than a week": (
        replaced("session_minutes = 1440", "session_minutes = 10081"),
        "session_minutes",
        "companies[0].security.session_minutes: expected 10080 or less; received 10081",
    ),
    "none of the choices": (
        replaced('newcomers = "create"', 'newcomers = "wait"'),
        "newcomers",
        "companies[0].provisioning.newcomers: expected 'create' or 'approve'; received 'wait'",
    ),
    "domains is neither word nor list": (
        replaced('domains = "known"', 'domains = "acme.example"'),
        'domains = "acme.example"',
        "companies[0].provisioning.domains: expected 'known' or 'verified' or a list;"
        " received 'acme.example'",
    ),
    "an unknown key": (
        after("  [companies.security]", '  sso_enforcment = "off"'),
        "sso_enforcment",
        "companies[0].security.sso_enforcment: expected no such key; received 'off'",
    ),
    "an unknown key with a dash": (
        after("  [companies.security]", "  session-minutes = 5"),
        "session-minutes",
        "companies[0].security.session-minutes: expected no such key; received 5",
    ),
    "an unknown key in quotes": (
        after("  [companies.security]", '  "session minutes" = 5'),
        "session minutes",
        'companies[0].security."session minutes": expected no such key; received 5',
    ),
    "an unknown table": (
        EXAMPLE + "\n[company]\n",
        "[company]",
        "company: expected no such key; received an empty table",
    ),
    "a missing key": (
        replaced('slug = "acme"                       #', "#"),
        "[[companies]]",
        "companies[0].slug: expected a key slug; received nothing",
    ),
    "an empty name": (
        replaced('name = "Production"', 'name = ""'),
        'name = ""',
        "companies[0].workspaces[0].name: expected at least one character; received ''",
    ),
    "a name that is too long": (
        replaced('name = "Production"', f'name = "{"x" * 151}"'),
        "xxx",
        "companies[0].workspaces[0].name: expected at most 150 characters; received '"
        + "x" * 96
        + "...",
    ),
    "a name of two lines": (
        replaced('name = "Production"', 'name = """\nA\nB"""'),
        'name = """',
        "companies[0].workspaces[0].name: expected one line, without control characters;"
        " received 'A\\nB'",
    ),
    "NUL": (
        replaced('equals = "platform-admins"', 'equals = "a\\u0000b"'),
        "equals",
        f"{A_RULE}.equals: expected text without NUL; received 'a\\x00b'",
    ),
    "a slug with capitals": (
        replaced('slug = "acme"', 'slug = "Acme"'),
        'slug = "Acme"',
        "companies[0].slug: expected lower-case letters, digits and hyphens, such as acme;"
        " received 'Acme'",
    ),
    "a table instead of a list of tables": (
        'companies = { slug = "acme" }',
        1,
        "companies: expected a list; received a table with slug",
    ),
    "text instead of a table": (
        'permissions = ["reports.view"]',
        1,
        "permissions[0]: expected a table; received 'reports.view'",
    ),
    "an unknown workspace": (
        replaced('default_workspace = "Production"', 'default_workspace = "Prod"'),
        "default_workspace",
        "companies[0].provisioning.default_workspace: expected one of this company's workspaces:"
        " Production; received 'Prod'",
    ),
    "an unknown permission set": (
        replaced('permission_set = "Administrator"', 'permission_set = "Root"'),
        '"Root"',
        f"{A_RULE}.permission_set: expected one of this company's permission_sets:"
        " Analyst, Administrator; received 'Root'",
    ),
    "an unknown permission": (
        replaced('["dashboards.view", "reports.export"]', '["dashboards.view", "reports.x"]'),
        '"reports.x"',
        "companies[0].permission_sets[0].permissions[1]: expected one of dashboards.view,"
        " reports.export; received 'reports.x'",
    ),
    "a permission that is no key": (
        replaced('key = "reports.export"', 'key = "Export"'),
        '"Export"',
        "permissions[1].key: expected area.action, such as reports.export; received 'Export'",
    ),
    "a permission twice": (
        replaced('key = "reports.export"', 'key = "dashboards.view"'),
        6,
        "permissions[1].key: expected each key once; received 'dashboards.view'",
    ),
    "a bad regular expression": (
        replaced('equals = "platform-admins"', 'matches = "("'),
        "matches =",
        f"{A_RULE}.matches: expected a regular expression (RE2): missing ): (; received '('",
    ),
    "a costly regular expression": (
        replaced('equals = "platform-admins"', 'matches = "(.{0,30}a){0,30}"'),
        "matches =",
        f"{A_RULE}.matches: expected at most 250 steps with all repetitions written out: repeat "
        "fewer times, or without a number (* or +); received '(.{0,30}a){0,30}'",
    ),
    "no condition": (
        replaced('equals = "platform-admins"', ""),
        "[[companies.provisioning.rules]]",
        f"{A_RULE}: expected either equals or matches; received a table with attribute, workspace,"
        " permission_set",
    ),
    "a bad network": (
        replaced('["203.0.113.0/24"]', '["203.0.113.0/24", "203.0.113.0/33"]'),
        "ip_allowlist",
        "companies[0].security.ip_allowlist[1]: expected an address or a network such as"
        " 203.0.113.0/24; received '203.0.113.0/33'",
    ),
    "a bad domain": (
        replaced('name = "acme.example"', 'name = "acme"'),
        'name = "acme"',
        f"companies[0].domains[0].name: {DOMAIN}; received 'acme'",
    ),
    "a bad domain in a list": (
        replaced('domains = "known"', 'domains = ["b.example", "@c.example"]'),
        "@c.example",
        f"companies[0].provisioning.domains[1]: {DOMAIN}; received '@c.example'",
    ),
    "a name twice": (
        after("  [[companies.workspaces]]", '  name = "Production"\n  [[companies.workspaces]]'),
        17,
        "companies[0].workspaces[1].name: expected each name once; received 'Production'",
    ),
    "an application of no workspace": (
        EXAMPLE + APPLICATION + '  workspace = "Lab"\n',
        '"Lab"',
        "companies[0].applications[0].workspace: expected one of this company's workspaces:"
        " Production; received 'Lab'",
    ),
    "an application that is a script": (
        EXAMPLE + APPLICATION.replace("https://reports.acme.example/", "javascript:alert(1)"),
        "javascript",
        "companies[0].applications[0].url: expected an address starting with https://;"
        " received 'javascript:alert(1)'",
    ),
    "an application twice": (
        EXAMPLE + APPLICATION + APPLICATION,
        EXAMPLE.count("\n") + 5,
        "companies[0].applications[1].name: expected each name once; received 'Reports'",
    ),
    "more applications than a page can show": (
        replaced('name = "Acme"\n', f'name = "Acme"\napplications = [{ONE_OF_MANY * 51}]\n'),
        "applications =",
        "companies[0].applications: expected at most 50 entries; received "
        + repr([{"name": "A", "url": "https://a.example/"}] * 3)[:97]
        + "...",
    ),
    "a domain twice, spelled differently": (
        EXAMPLE + '  [[companies.domains]]\n  name = "ACME.example"\n',
        "ACME.example",
        "companies[0].domains[1].name: expected each name once; received 'ACME.example'",
    ),
    "a company twice": (
        EXAMPLE + '[[companies]]\nslug = "acme"\nname = "Other"\n',
        EXAMPLE.count("\n") + 2,
        "companies[1].slug: expected each slug once; received 'acme'",
    ),
    "a connection twice": (
        EXAMPLE + '[[companies]]\nslug = "b"\nname = "B"\nsaml = [{ slug = "acme", name = "B" }]\n',
        EXAMPLE.count("\n") + 4,
        "companies[1].saml[0].slug: expected each slug once; received 'acme'",
    ),
    "no metadata file": (
        replaced("idp-metadata.xml", "nothing.xml"),
        "metadata_file",
        "companies[0].saml[0].metadata_file: expected a file that can be read (No such file or"
        " directory); received 'nothing.xml'",
    ),
    "a folder as metadata": (
        replaced("idp-metadata.xml", "."),
        "metadata_file",
        "companies[0].saml[0].metadata_file: expected a file that can be read (Is a directory);"
        " received '.'",
    ),
    "two sources": (
        after("  [[companies.saml]]", '  target_url = "https://idp.acme.example/"'),
        "[[companies.saml]]",
        "companies[0].saml[0]: expected metadata_file, or entity_id, target_url and certificates,"
        " not both; received a table with target_url, slug, name, metadata_file, idp_initiated",
    ),
    "an address that is none": (
        replaced('metadata_file = "idp-metadata.xml"', 'target_url = "javascript:alert(1)"'),
        "target_url",
        "companies[0].saml[0].target_url: expected an address starting with https://;"
        " received 'javascript:alert(1)'",
    ),
    "JIT without early access": (
        replaced("jit_provisioning_available = true", ""),
        "automatic_user_provisioning",
        f"{ON}: expected false while jit_provisioning_available is false; received true",
    ),
    "JIT and Google": (
        replaced("enabled = false", "enabled = true"),
        "automatic_user_provisioning",
        f"{ON}: expected false while google_sso is enabled: they exclude each other; received true",
    ),
    "JIT without workspace": (
        replaced('default_workspace = "Production"', ""),
        "automatic_user_provisioning",
        f"{ON}: expected default_workspace as well, which is required with true; received true",
    ),
    "JIT without permission set": (
        replaced('default_permission_set = "Analyst"', ""),
        "automatic_user_provisioning",
        f"{ON}: expected default_permission_set as well, which is required with true;"
        " received true",
    ),
    "JIT with a connection that is off": (
        after("  [[companies.saml]]", "  enabled = false"),
        "automatic_user_provisioning",
        f"{INCOMPLETE} enabled = true; received true",
    ),
    "JIT with an incomplete connection": (
        replaced('metadata_file = "idp-metadata.xml"', 'entity_id = "https://idp.acme.example/"'),
        "automatic_user_provisioning",
        f"{INCOMPLETE} target_url, certificates; received true",
    ),
}


def line_number(text, line):
    if isinstance(line, int):
        return line
    return next(n for n, one in enumerate(text.splitlines(), 1) if line in one)


@pytest.mark.parametrize(("text", "line", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_named_with_its_line(operator, text, line, message):
    assert operator.refused(text) == f"line {line_number(text, line)}: {message}"
    assert (Company.objects.count(), Permission.objects.count()) == (0, 0)


def test_the_slug_of_another_company_s_connection_is_taken(operator):
    make_company("globex")
    text = replaced('slug = "acme"                     #', 'slug = "globex" #')
    assert operator.refused(text) == (
        f"line {line_number(text, 'globex')}: companies[0].saml[0].slug: expected a slug that no"
        " other company's connection has; received 'globex'"
    )


def test_automatic_provisioning_is_not_switched_on_with_an_expired_certificate(operator):
    operator.write("idp-metadata.xml", metadata_of("acme", key=expired_key()))
    assert operator.refused(EXAMPLE).endswith(
        f"{INCOMPLETE} a certificate that has not expired; received true"
    )


def test_automatic_provisioning_is_not_switched_on_without_a_connection(operator):
    start, rest = EXAMPLE.split("  [[companies.saml]]")
    text = start + rest[rest.index("  [companies.provisioning]") :]
    assert f"{INCOMPLETE} a [[companies.saml]] table" in operator.refused(text)


METADATA = {
    "no XML": (b"hello", "expected something usable (metadata_malformed): This is not SAML"),
    "a web page": (b"<html>", "metadata_web_page"),
    "empty": (b"", "metadata_empty"),
    "a service provider": (
        b'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"/>',
        "metadata_no_idp",
    ),
    "an address that is too long": (
        metadata_of("acme", sso_url="https://idp.example/" + "x" * 3000),
        "expected something usable (metadata_no_sso_url",
    ),
    "an address without host": (
        metadata_of("acme", sso_url="https://"),
        "expected something usable (metadata_no_sso_url",
    ),
    "an entity ID that is too long": (
        metadata_of("acme", entity_id="x" * 1025),
        "at most 1024 bytes. Received: 1025 bytes",
    ),
}


@pytest.mark.parametrize(("content", "problem"), METADATA.values(), ids=METADATA)
def test_metadata_that_cannot_be_used_is_refused(operator, content, problem):
    operator.write("idp-metadata.xml", content)
    error = operator.refused(EXAMPLE)
    line = line_number(EXAMPLE, "metadata_file")
    assert error.startswith(f"line {line}: companies[0].saml[0].metadata_file: expected ")
    assert error.endswith("; received 'idp-metadata.xml'")
    assert problem in error


CERTIFICATES = {
    "junk in PEM": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "no end": "-----BEGIN CERTIFICATE-----\nAAAA\n",
    "a private key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "text in a file": "junk.pem",
    "bytes in a file": "junk.der",
    "no file": "missing.pem",
}


@pytest.mark.parametrize("second", CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate_that_cannot_be_used_is_named_with_its_own_line(operator, second):
    operator.write("good.pem", pem_of("acme"))
    operator.write("junk.pem", "no certificate")
    operator.write("junk.der", b"\x30\x82\xff\xff\x00")
    certificates = f"certificates = [\n    'good.pem',\n    '''\n{second}''',\n  ]"
    if "-----" not in second:
        certificates = f"certificates = [\n    'good.pem',\n    '{second}',\n  ]"
    text = replaced('metadata_file = "idp-metadata.xml"', certificates)
    error = operator.refused(text)
    line = line_number(text, "'good.pem'") + 1
    assert error.startswith(f"line {line}: companies[0].saml[0].certificates[1]: expected ")


FILES = {
    "not TOML": (b"a = \n", "not TOML: Invalid value (at line 1, column 5)"),
    "a key twice": (b"a = 1\na = 2\n", "not TOML: Cannot overwrite a value (at line 2, column 6)"),
    "not UTF-8": (b"# one\nname = '\xff'\n", "line 2: expected UTF-8 text"),
    "nested too deeply": (b"a = " + b"[" * 5000, "not TOML: nested too deeply"),
    "a very long number": (b"a = " + b"9" * 5000, "not TOML: Exceeds the limit"),
    "a very long number in hexadecimal": (
        b"a = 0x" + b"f" * 5000,
        "line 1: a: expected no such key; received a very long number",
    ),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_read_is_refused(operator, content, message):
    assert operator.refused(content).startswith(message)


def test_a_file_that_is_not_there_is_one_line(operator):
    status, out, err = operator.run("apply", operator.folder / "none.toml")
    assert (status, out) == (2, "")
    assert err == f"passerelle: {operator.folder}/none.toml: No such file or directory\n"


def test_a_byte_order_mark_is_no_mistake(operator):
    assert operator.apply(b"\xef\xbb\xbf" + EXAMPLE.encode())[-1] != "0 changes"
