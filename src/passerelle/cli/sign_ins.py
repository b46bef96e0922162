"""`passerelle sign-ins`: recent sign-in traces, newest first."""

import argparse
import json
import sys
from typing import Any

from passerelle.cli.framework import add_data_option, company_of, start_django, written
from passerelle.cli.terminal import say


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "sign-ins",
        help="list recent sign-ins and why they ended as they did",
        epilog="example: passerelle sign-ins --company acme --json",
    )
    parser.add_argument("--company", metavar="SLUG")
    parser.add_argument("--limit", type=int, default=1000, help="how many at the most")
    parser.add_argument("--json", action="store_true")
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.sso.models import SignIn
    from passerelle.sso.records.traces import listed

    rows = listed(SignIn.objects.select_related("company"))
    if company := company_of(arguments.company):
        rows = rows.filter(company=company)
    found = list(rows.order_by("-time", "-id")[: max(arguments.limit, 0)])
    if arguments.json:
        json.dump([as_json(row) for row in found], sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
        return 0
    for row in found:
        reason = f" ({row.reason})" if row.reason else ""
        person = row.email or "unknown"
        say(f"{written(row.time)}  {row.reference}  {person}  {row.outcome}{reason}")
    return 0


def as_json(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "reference": row.reference,
        "time": written(row.time),
        "company": row.company.slug,
        "connection": row.connection.slug if row.connection else None,
        "outcome": row.outcome,
        "reason": row.reason or None,
        "email": row.email,
        "count": row.count,
        "checks": [_check(check, row.connection) for check in row.checks],
    }


def _check(check: dict[str, Any], connection: Any) -> dict[str, Any]:
    """A check with its sentences in English, as `inspect` has them."""
    from passerelle.saml.consoles import console_of
    from passerelle.saml.explain import filled
    from passerelle.sso.records.explain import explain_stored

    console = (
        console_of(connection.idp_entity_id, product=connection.product) if connection else None
    )
    explained = explain_stored(check, console)
    return {
        "check": check["check"],
        "passed": check["passed"],
        "expected": check["expected"],
        "received": check["received"],
        "detail": filled(explained.detail, explained.values),
        "fix": explained.fix and filled(explained.fix, explained.values),
    }
