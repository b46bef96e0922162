"""`passerelle preview`: what a response would do to accounts, without doing it."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from passerelle.cli.framework import add_data_option, require_base_url, start_django
from passerelle.cli.terminal import UsageError, say


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "preview",
        help="what a response would do, account by account, without doing it",
        epilog="example: passerelle preview response.xml --connection acme",
    )
    parser.add_argument("response_file", metavar="RESPONSE_FILE", help="XML, base64, or -")
    parser.add_argument("--connection", metavar="SLUG", required=True)
    parser.add_argument("--at", metavar="TIME", help="judge as of this time (ISO 8601, UTC)")
    parser.add_argument("--json", action="store_true")
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    require_base_url()
    from passerelle.cli.inspect import read_file, read_instant
    from passerelle.sso.connections.connection import UnknownConnection, find_connection
    from passerelle.sso.sign_in.preview import preview_response

    try:
        connection = find_connection(arguments.connection)
    except UnknownConnection:
        raise UsageError(
            f"--connection: expected a connection's slug, received {arguments.connection!r}"
        ) from None
    now = read_instant(arguments.at) if arguments.at else datetime.now(UTC)
    found = preview_response(connection, read_file(arguments.response_file), now=now)
    if arguments.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        say(*_lines(found))
    return 0 if found["outcome"] != "refused" else 1


def _lines(found: dict[str, Any]) -> list[str]:
    reason = f": {found['reason']}" if found["reason"] else ""
    lines = [f"{found['email'] or 'nobody'} would be {_WORDS[found['outcome']]}{reason}"]
    lines += [f"  {step}" for step in found["steps"]]
    lines += [f"  note: {note}" for note in found["notes"]]
    for check in found["checks"]:
        if not check["passed"]:
            lines += [f"  FAIL {check['check']}: {check['detail']}", f"       {check['fix']}"]
    return lines


_WORDS = {
    "created": "given a new account",
    "pending": "given an account that waits for approval",
    "linked": "linked to an account",
    "signed_in": "signed in",
    "refused": "refused",
}
