"""`passerelle applications`: what people open, and the secrets of clients."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from passerelle.cli.framework import add_data_option, company_of, start_django
from passerelle.cli.terminal import UsageError, say


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "applications",
        help="list the applications, or make a new client secret",
        epilog="example: passerelle applications secret Reports --company acme",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listed = verbs.add_parser(
        "list",
        help="list every application",
        epilog="example: passerelle applications list --json",
    )
    listed.add_argument("--company", metavar="SLUG", help="of this company only")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=run_list)
    secret = verbs.add_parser(
        "secret",
        help="make a new client secret and print it once",
        epilog="example: passerelle applications secret Reports --company acme",
    )
    secret.add_argument("name", metavar="NAME", help="the application's name")
    secret.add_argument("--company", metavar="SLUG", required=True)
    secret.add_argument(
        "--now", action="store_true", help="end the old secret at once, and not in 24 hours"
    )
    secret.set_defaults(run=run_secret)
    for one in (listed, secret):
        add_data_option(one)


def run_list(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.directory.models import Application

    rows = Application.objects.select_related("company").order_by("company__slug", "name")
    if company := company_of(arguments.company):
        rows = rows.filter(company=company)
    found = [_as_json(row) for row in rows]
    if arguments.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return 0
    for one in found:
        say(f"{one['company']}  {one['name']}  {one['kind']}  {one['url']}")
    return 0


def _as_json(row: Any) -> dict[str, Any]:
    from passerelle.directory.applications import draft_of

    held = draft_of(row)
    return {
        "company": row.company.slug,
        "name": held.name,
        "kind": str(held.kind),
        "url": held.url,
        "client_id": held.client_id,
        "redirect_uris": list(held.redirect_uris),
        "hosts": list(held.hosts),
        "workspaces": [workspace.name for workspace in held.workspaces],
        "permission": held.permission.key if held.permission else None,
        "roles": {given.name: role for given, role in held.roles},
    }


def run_secret(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.audit.record import OPERATOR
    from passerelle.oidc.clients import make_secret

    company = company_of(arguments.company)
    row = company.applications.filter(name=arguments.name).first()
    if row is None:
        known = ", ".join(company.applications.values_list("name", flat=True)) or "none"
        raise UsageError(
            f"NAME: expected an application of {company.slug} ({known}), received "
            f"{arguments.name!r}"
        )
    if row.kind != "oidc" or row.public:
        raise UsageError(f"NAME: {row.name} has no secret: it is no confidential OIDC client")
    secret = make_secret(row, at_once=arguments.now, actor=OPERATOR, now=datetime.now(UTC))
    say(secret)
    return 0
