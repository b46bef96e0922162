"""`passerelle users`: every account."""

import argparse
import json
import sys
from typing import Any

from passerelle.cli.framework import add_data_option, company_of, start_django, written
from passerelle.cli.terminal import say


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "users",
        help="list every account",
        epilog="example: passerelle users --company acme --json",
    )
    parser.add_argument("--company", metavar="SLUG")
    parser.add_argument("--json", action="store_true")
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.directory.models import User

    users = User.objects.select_related("company").prefetch_related(
        "memberships__workspace", "memberships__permission_set", "identities__connection"
    )
    if company := company_of(arguments.company):
        users = users.filter(company=company)
    found = users.order_by("company__slug", "email_key")
    if arguments.json:
        json.dump([as_json(user) for user in found], sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
        return 0
    for user in found:
        say(f"{user.company.slug}  {user.email}  {user.status}")
    return 0


def as_json(user: Any) -> dict[str, Any]:
    """One account; each pair of workspace and permission set once, whatever gave it."""
    pairs = {
        (membership.workspace.name, membership.permission_set.name)
        for membership in user.memberships.all()
    }
    return {
        "company": user.company.slug,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "status": user.status,
        "administrator": user.is_administrator,
        "provisioned_by": user.provisioned_by,
        "memberships": [
            {"workspace": workspace, "permission_set": permission_set}
            for workspace, permission_set in sorted(pairs)
        ],
        "identities": [
            {
                "connection": identity.connection.slug if identity.connection else None,
                "name_id": identity.subject,
            }
            for identity in user.identities.all()
        ],
        "created_at": written(user.created_at),
        "last_sign_in_at": written(user.last_sign_in_at),
    }
