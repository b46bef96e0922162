"""The command: make the sample company once, and run it all."""

import argparse
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from passerelle.cli.framework import add_data_option, start_django
from passerelle.cli.migrate import migrate
from passerelle.cli.serve.command import DEFAULT_BIND, read_bind, serve
from passerelle.cli.terminal import UsageError

ADMINISTRATOR = "admin@acme.example"
CONFIGURATION = """\
[[companies]]
slug = "acme"
name = "Acme"
jit_provisioning_available = true

  [[companies.workspaces]]
  name = "Production"

  [[companies.workspaces]]
  name = "Sandbox"

  [[companies.permission_sets]]
  name = "Analyst"
  permissions = ["dashboards.view", "reports.view", "reports.export"]

  [[companies.permission_sets]]
  name = "Viewer"
  permissions = ["dashboards.view"]

  [[companies.domains]]
  name = "acme.example"
  verified = true

  [[companies.saml]]
  slug = "acme"
  name = "Acme SSO"
  metadata_file = "practice-idp.xml"
  idp_initiated = true

  [companies.provisioning]
  automatic_user_provisioning = true
  default_workspace = "Production"
  default_permission_set = "Analyst"

  [[companies.applications]]
  name = "Sales"
  url = "DASHBOARD/"
  kind = "oidc"
  client_id = "acme-sales"
  client_secret_file = "practice-dashboard.secret"
  redirect_uris = ["DASHBOARD/callback"]
  post_logout_redirect_uris = ["DASHBOARD/signed-out"]
  backchannel_logout_uri = "DASHBOARD/back-channel-logout"
  default_role = "Viewer"
    [companies.applications.roles]
    Analyst = "Admin"
    Viewer = "Viewer"
"""
CLIENT_ID = "acme-sales"
SECRET = "practice-dashboard.secret"  # noqa: S105 - a file's name


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="try it: a sample company and a practice identity provider",
        epilog="example: passerelle demo",
    )
    parser.add_argument("--bind", metavar="HOST:PORT", default=DEFAULT_BIND)
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if os.environ.get("PASSERELLE_DATABASE_URL"):
        raise UsageError(
            "PASSERELLE_DATABASE_URL: the demonstration keeps its own SQLite database; unset it"
        )
    host, port = read_bind(arguments.bind)
    if not _is_loopback(host):
        raise UsageError(
            "--bind: the demonstration listens on a loopback address only, such as "
            f"{DEFAULT_BIND}; received {arguments.bind!r}"
        )
    shown = f"[{host}]" if ":" in host else host
    os.environ["PASSERELLE_BASE_URL"] = base_url = f"http://{shown}:{port}"
    os.environ["PASSERELLE_DEMO"] = "1"
    # The practice dashboard is told of sign-outs.
    os.environ["PASSERELLE_APPLICATION_NETWORKS"] = "127.0.0.0/8,::1"
    listening = _dashboard_socket(host, port)
    dashboard = f"http://{shown}:{listening.getsockname()[1]}"
    if not arguments.data and "PASSERELLE_DATA_DIR" not in os.environ:
        os.environ["PASSERELLE_DATA_DIR"] = "passerelle-data/demo"
    start_django(arguments, migrated=False)
    from django.conf import settings

    migrate()
    data_dir = settings.PASSERELLE.data_dir
    password = _seed(data_dir, dashboard)
    sys.stdout.write(
        f"Sign in to Acme's dashboard at {base_url}/\n"
        f"  as anybody in Acme's directory: press “Sign in with Acme SSO”\n"
        f"  as its administrator, with a password: {ADMINISTRATOR} {password}\n"
    )
    secret = data_dir / SECRET
    if secret.exists():
        # Of demonstrations that were made before there was one, it is missing.
        sys.stdout.write(f"The dashboard that people sign in to from there: {dashboard}/\n")
    sys.stdout.flush()
    with _dashboard(listening, dashboard, base_url, secret):
        serve(host, port, workers=1)
    return 0


def _dashboard_socket(host: str, port: int) -> socket.socket:
    """What the practice dashboard listens on: the next port, or any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port + 1))
    except (OSError, OverflowError):
        listening.bind((host, 0))
    return listening


@contextmanager
def _dashboard(
    listening: socket.socket, url: str, issuer: str, secret: Path
) -> Iterator[subprocess.Popen[str] | None]:
    """The practice dashboard, a process of its own that ends with this one."""
    if not secret.exists():
        yield None
        return
    said = {
        "socket": listening.fileno(),
        "url": url,
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": secret.read_text().strip(),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "passerelle.practice_dashboard"],
        stdin=subprocess.PIPE,
        pass_fds=[listening.fileno()],
        # An interrupt at the terminal is for this process, which then lets go of the other.
        start_new_session=True,
        text=True,
    )
    assert process.stdin is not None
    listening.close()
    process.stdin.write(json.dumps(said) + "\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(10)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _seed(data_dir: Path, dashboard: str) -> str:
    """Make the sample company, once; return its administrator's password."""
    from django.contrib.auth.hashers import make_password

    from passerelle.audit.record import OPERATOR
    from passerelle.cli.demo.history import play
    from passerelle.directory.actions import make_administrator
    from passerelle.directory.models import Company
    from passerelle.practice_idp.views import signing_key
    from passerelle.provisioning import parse_email

    kept = data_dir / "demo-password"
    if kept.exists():
        _follow_address(dashboard)
        return kept.read_text().strip()
    if Company.objects.exists():
        raise UsageError(
            f"--data: {data_dir} holds an installation that is no demonstration; give the "
            "demonstration a folder of its own"
        )
    password = secrets.token_urlsafe(9)
    sys.stdout.write("Making the sample company, with two weeks of sign-ins…\n")
    sys.stdout.flush()
    company = _make_company(data_dir, dashboard)
    address = parse_email(ADMINISTRATOR)
    assert address is not None
    make_administrator(
        company,
        address,
        password=make_password(password),
        actor=OPERATOR,
        now=datetime.now(UTC),
    )
    play(company.connections.get(), signing_key(), now=datetime.now(UTC))
    kept.touch(0o600)
    kept.write_text(password + "\n")
    return password


def _make_company(data_dir: Path, dashboard: str) -> Any:
    from passerelle.configfile.apply import apply_file
    from passerelle.configfile.document import ConfigurationFile, WrongConfiguration
    from passerelle.directory.models import Company
    from passerelle.practice_idp.views import metadata_document

    (data_dir / "practice-idp.xml").write_bytes(metadata_document())
    path = data_dir / "demo.toml"
    path.write_text(CONFIGURATION.replace("DASHBOARD", dashboard), encoding="utf-8")
    secret = data_dir / SECRET
    secret.touch(0o600)
    secret.write_text(secrets.token_urlsafe(32) + "\n")
    try:
        apply_file(ConfigurationFile(path), dry_run=False, now=datetime.now(UTC))
    except WrongConfiguration as error:
        raise UsageError(str(error)) from error
    return Company.objects.get(slug="acme")


def _follow_address(dashboard: str) -> None:
    """Started at another address than before: what belongs to the demonstration moves along."""
    from passerelle.directory.models import Application
    from passerelle.practice_idp.views import entity_id
    from passerelle.sso.models import SamlConnection

    moved = SamlConnection.objects.filter(
        company__slug="acme", idp_entity_id__endswith="/practice-idp/metadata"
    ).exclude(idp_entity_id=entity_id())
    moved.update(idp_entity_id=entity_id(), target_url=entity_id().removesuffix("metadata"))
    for row in Application.objects.filter(client_id=CLIENT_ID):
        row.url = f"{dashboard}/"
        row.redirect_uris = [f"{dashboard}/callback"]
        row.post_logout_redirect_uris = [f"{dashboard}/signed-out"]
        row.backchannel_logout_uri = f"{dashboard}/back-channel-logout"
        row.save()
