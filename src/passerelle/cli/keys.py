"""`passerelle keys`: our own keys for SAML connections."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from passerelle.cli.framework import add_data_option, require_base_url, start_django, written
from passerelle.cli.terminal import UsageError, say


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "keys",
        help="list our own keys of SAML connections, or make a new one",
        epilog="example: passerelle keys rotate acme",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listed = verbs.add_parser(
        "list", help="list the keys in use", epilog="example: passerelle keys list --json"
    )
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=run_list)
    rotated = verbs.add_parser(
        "rotate",
        help="make a new key: published at once, signing after two weeks",
        epilog="example: passerelle keys rotate acme",
    )
    rotated.add_argument("connection", metavar="CONNECTION", help="the connection's slug")
    rotated.set_defaults(run=run_rotate)
    for one in (listed, rotated):
        add_data_option(one)


def run_list(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.sso.connections.keys import own_keys
    from passerelle.sso.models import SamlConnection

    now = datetime.now(UTC)
    rows = [
        _as_json(connection, key)
        for connection in SamlConnection.objects.select_related("company").order_by("slug")
        for key in own_keys(connection, now=now)
    ]
    if arguments.json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
        return 0
    for row in rows:
        end = f", until {row['retires_at']}" if row["retires_at"] else ""
        say(f"{row['connection']}  {row['fingerprint']}  signs from {row['signs_from']}{end}")
    return 0


def _as_json(connection: Any, key: Any) -> dict[str, Any]:
    return {
        "company": connection.company.slug,
        "connection": connection.slug,
        "fingerprint": key.certificate.fingerprint,
        "signs_from": written(key.signs_from),
        "retires_at": written(key.retires_at),
    }


def run_rotate(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    require_base_url()
    from passerelle.audit.record import OPERATOR
    from passerelle.sso.connections.connection import (
        UnknownConnection,
        addresses_of,
        find_connection,
    )
    from passerelle.sso.connections.keys import TooSoon, new_private_key, own_keys, rotate_key

    try:
        connection = find_connection(arguments.connection)
    except UnknownConnection:
        raise UsageError(
            f"CONNECTION: expected a connection's slug, received {arguments.connection!r}"
        ) from None
    now = datetime.now(UTC)
    try:
        rotate_key(connection, new_private_key(), actor=OPERATOR, now=now)
    except TooSoon:
        sys.stderr.write("three keys were made within ten minutes: try again in ten minutes\n")
        return 1
    new = own_keys(connection, now=now)[0]
    say(
        f"{new.certificate.fingerprint} is published at {addresses_of(connection).metadata_url}"
        f" and signs from {written(new.signs_from)}"
    )
    return 0
