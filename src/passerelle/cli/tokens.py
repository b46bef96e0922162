"""`passerelle tokens`: bearer tokens by which machines act for a company."""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from passerelle.cli.framework import add_data_option, company_of, start_django
from passerelle.cli.terminal import UsageError, say

SCOPES = ("scim", "api")


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "tokens",
        help="make, list and revoke the tokens of machines",
        epilog="example: passerelle tokens create --company acme --scope scim",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    create = verbs.add_parser(
        "create",
        help="make a token and print it once",
        epilog="example: passerelle tokens create --company acme --scope scim --name Okta",
    )
    create.add_argument("--company", metavar="SLUG", required=True)
    create.add_argument("--scope", choices=SCOPES, required=True, help="what it is good for")
    create.add_argument("--read-only", action="store_true", help="it changes nothing")
    create.add_argument("--name", metavar="NAME", help="whose it is; default: the scope")
    create.add_argument("--expires", metavar="DAYS", type=int, help="default: never")
    create.set_defaults(run=run_create)
    listed = verbs.add_parser(
        "list",
        help="list the tokens, but never themselves",
        epilog="example: passerelle tokens list --company acme --json",
    )
    listed.add_argument("--company", metavar="SLUG", help="of this company only")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=run_list)
    revoke = verbs.add_parser(
        "revoke",
        help="end a token at once",
        epilog="example: passerelle tokens revoke 0197f3c2-…",
    )
    revoke.add_argument("id", metavar="ID", help="as `tokens list` shows it")
    revoke.set_defaults(run=run_revoke)
    for one in (create, listed, revoke):
        add_data_option(one)


def run_create(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.audit.record import OPERATOR
    from passerelle.directory.tokens import TooManyTokens, make_token

    now = datetime.now(UTC)
    if arguments.expires is not None and not 1 <= arguments.expires <= 3650:
        raise UsageError(f"--expires: expected 1 to 3650 days, received {arguments.expires}")
    name = " ".join((arguments.name or arguments.scope).split())
    if not name or len(name) > 150 or not name.isprintable():
        raise UsageError("--name: expected one line of at most 150 characters")
    try:
        token = make_token(
            company_of(arguments.company),
            name=name,
            scope=arguments.scope,
            read_only=arguments.read_only,
            expires_at=now + timedelta(days=arguments.expires) if arguments.expires else None,
            actor=OPERATOR,
            now=now,
        )
    except TooManyTokens:
        raise UsageError("--company: it has 50 tokens already; revoke one first") from None
    say(token)
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.directory.models import MachineToken

    rows = MachineToken.objects.select_related("company").order_by("company__slug", "created_at")
    if company := company_of(arguments.company):
        rows = rows.filter(company=company)
    found = [_as_json(row) for row in rows]
    if arguments.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return 0
    for one in found:
        kind = f"{one['scope']}{', read-only' if one['read_only'] else ''}"
        used = one["last_used_at"] or "never used"
        say(f"{one['id']}  {one['company']}  {one['name']}  {kind}  {used}")
    return 0


def _as_json(row: Any) -> dict[str, Any]:
    def written(moment: datetime | None) -> str | None:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None

    return {
        "id": str(row.id),
        "company": row.company.slug,
        "name": row.name,
        "scope": row.scope,
        "read_only": row.read_only,
        "created_at": written(row.created_at),
        "expires_at": written(row.expires_at),
        "last_used_at": written(row.last_used_at),
    }


def run_revoke(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.audit.record import OPERATOR
    from passerelle.directory.models import MachineToken
    from passerelle.directory.tokens import revoke_token

    try:
        row = MachineToken.objects.filter(id=UUID(arguments.id)).first()
    except ValueError:
        row = None
    if row is None:
        raise UsageError(f"ID: expected a token's ID, received {arguments.id!r}")
    revoke_token(row, actor=OPERATOR, now=datetime.now(UTC))
    say(f"revoked {row.name}")
    return 0
