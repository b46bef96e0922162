"""`passerelle audit verify` and `passerelle audit export`."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from passerelle.cli.framework import add_data_option, company_of, start_django, written
from passerelle.cli.terminal import UsageError, say

if TYPE_CHECKING:
    from passerelle.audit.heads import Head


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "audit",
        help="prove the audit log whole, or export it",
        epilog="example: passerelle audit verify",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verify = verbs.add_parser(
        "verify",
        help="prove that nothing is missing or altered",
        epilog="example: passerelle audit verify --json",
    )
    verify.add_argument("--json", action="store_true")
    verify.add_argument(
        "--heads",
        metavar="FILE",
        help="what was exported or delivered earlier: whatever is in it must be there still",
    )
    add_data_option(verify)
    verify.set_defaults(run=run_verify)
    export = verbs.add_parser(
        "export", help="write it as JSON lines", epilog="example: passerelle audit export"
    )
    export.add_argument("--company", metavar="SLUG")
    add_data_option(export)
    export.set_defaults(run=run_export)


def run_verify(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.audit.chain import verify
    from passerelle.audit.heads import compare

    heads = _heads_in(arguments.heads) if arguments.heads else []
    found = verify()
    breaks = [*found.breaks, *compare(heads)]
    first = breaks[0] if breaks else None
    if arguments.json:
        document = {
            "whole": first is None,
            "sealed": found.sealed,
            "unsealed": found.unsealed,
            "compared": len(heads),
            "first_broken": None
            if first is None
            else {
                "chain": first.chain,
                "sequence": first.sequence,
                "problem": first.problem,
                "event": first.event_id,
            },
        }
        sys.stdout.write(json.dumps(document) + "\n")
    elif first is None:
        compared = f", {len(heads)} as they were exported" if heads else ""
        say(f"whole: {found.sealed} sealed, {found.unsealed} unsealed{compared}")
    else:
        say(f"broken: entry {first.sequence} of chain {first.chain}: {first.problem}")
    return 0 if first is None else 1


def _heads_in(path: str) -> "list[Head]":
    from passerelle.audit.heads import read_heads
    from passerelle.cli.inspect import read_file

    expected = "expected what `passerelle audit export` wrote, or delivered events"
    try:
        heads = read_heads(read_file(path).decode("utf-8-sig"))
    except ValueError as error:
        raise UsageError(f"--heads {path}: {expected}; received something else: {error}") from error
    if not heads:
        raise UsageError(f"--heads {path}: {expected}; received no sealed entry and no head")
    return heads


def run_export(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.audit.models import AuditEvent

    events = AuditEvent.objects.select_related("company").order_by("time", "id")
    if company := company_of(arguments.company):
        events = events.filter(company=company)
    for event in events.iterator(chunk_size=1000):
        sys.stdout.write(json.dumps(_as_json(event), ensure_ascii=False) + "\n")
    return 0


def _as_json(event: Any) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "time": written(event.time),
        "company": event.company.slug if event.company else None,
        "chain": event.chain,
        "event": event.event,
        "actor_kind": event.actor_kind,
        "actor": event.actor,
        "target": event.target,
        "details": event.details,
        "sequence": event.sequence,
        "digest": event.digest or None,
    }
