"""Configuration files for the tests, and the command that applies them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from django.db.models import Model

from passerelle.audit.models import AuditEvent
from passerelle.cli.main import main
from passerelle.directory.models import (
    Company,
    Domain,
    Membership,
    Permission,
    PermissionSet,
    ProvisioningRule,
    User,
    Workspace,
)
from passerelle.practice_idp.issue import SigningKey, make_signing_key, write_idp_metadata
from passerelle.saml import load_certificate
from passerelle.sso.models import SamlConnection, SigningCertificate
from tests.world import idp_of, signing_key

# The example of the reference, as it stands there.
EXAMPLE = """\
[[permissions]]                     # the catalogue that permission sets choose from
key = "dashboards.view"
name = { en = "View dashboards", fr = "Consulter les tableaux de bord" }

[[permissions]]
key = "reports.export"
name = { en = "Export reports", fr = "Exporter les rapports" }

[[companies]]
slug = "acme"                       # in addresses; never changes
name = "Acme"
jit_provisioning_available = true   # early access: the operator's switch; false by default

  [[companies.workspaces]]
  name = "Production"

  [[companies.permission_sets]]
  name = "Analyst"
  permissions = ["dashboards.view", "reports.export"]

  [[companies.permission_sets]]
  name = "Administrator"

  [[companies.domains]]
  name = "acme.example"
  verified = true                   # the operator vouches

  [[companies.saml]]
  slug = "acme"                     # in the connection's addresses
  name = "Acme SSO"                 # the sign-in button's text
  metadata_file = "idp-metadata.xml"
  idp_initiated = true              # false by default

  [companies.provisioning]
  automatic_user_provisioning = true
  default_workspace = "Production"
  default_permission_set = "Analyst"
  domains = "known"                 # known, verified, or a list of domains
  newcomers = "create"              # create or approve
  existing_accounts = "link"        # link (verified domain only) or refuse
  update_profile = true
  sync_rules = "always"             # always, or first_sign_in

    [[companies.provisioning.rules]]
    attribute = "groups"
    equals = "platform-admins"      # or matches = "regex"
    workspace = "Production"
    permission_set = "Administrator"

  [companies.google_sso]
  enabled = false
  client_id = "client"
  hosted_domain = "acme.example"

  [companies.security]
  password_min_length = 8
  session_minutes = 1440
  two_factor = "optional"
  sso_enforcement = "off"
  ip_allowlist = ["203.0.113.0/24"]
"""


@cache
def expired_key() -> SigningKey:
    return make_signing_key(name="old", now=datetime.now(UTC) - timedelta(days=2), days=1)


def pem_of(name: str) -> str:
    return load_certificate(signing_key(name).certificate_der).pem


def metadata_of(name: str, *, key: SigningKey | None = None, **other: str) -> bytes:
    """The metadata of this company's provider in the cast."""
    usual = {"entity_id": idp_of(name), "sso_url": f"https://idp.{name}.example/sso"}
    certificate = (key or signing_key(name)).certificate_der
    return write_idp_metadata(**{**usual, **other}, certificate_der=certificate)


class Operator:
    """Who writes files and runs commands, and reads what they answer."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.write("idp-metadata.xml", metadata_of("acme"))
        self.path = folder / "passerelle.toml"

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        status = main([str(one) for one in arguments])
        captured = self.capsys.readouterr()
        return status, captured.out, captured.err

    def apply(self, text: str | bytes, *options: str) -> list[str]:
        """Apply a file that is right; the lines of the answer."""
        path = self.write("passerelle.toml", text)
        status, out, err = self.run("apply", str(path), *options)
        assert (status, err) == (0, ""), err
        return out.splitlines()

    def refused(self, text: str | bytes) -> str:
        """Apply a file that is wrong; what stands after the name of the file."""
        path = self.write("passerelle.toml", text)
        status, out, err = self.run("apply", str(path))
        assert (status, out) == (2, "")
        start = f"passerelle: {path}"
        assert err.startswith(start)
        assert err.count("\n") == 1
        return err.removeprefix(start).lstrip(",: ").rstrip("\n")

    def export(self, *options: str) -> str:
        status, out, err = self.run("export", *options)
        assert (status, err) == (0, "")
        return out


REPORTS = """
  [[companies.applications]]
  name = "Reports"
  url = "https://reports.acme.example/"
  workspace = "Production"
"""


MODELS: tuple[type[Model], ...] = (
    Company,
    Domain,
    Permission,
    PermissionSet,
    PermissionSet.permissions.through,
    ProvisioningRule,
    Workspace,
    SamlConnection,
    SigningCertificate,
    User,
    Membership,
    AuditEvent,
)


def everything():
    """Each row of what a file can touch."""
    return {model: sorted(map(repr, model._default_manager.values())) for model in MODELS}


def changed(text, old, new, count=1):
    assert old in text
    return text.replace(old, new, count)


OPEN = changed(EXAMPLE, '["203.0.113.0/24"]', "[]")
OFF = changed(OPEN, "automatic_user_provisioning = true", "automatic_user_provisioning = false")
