"""`passerelle admin create`: the first administrator of a company."""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from passerelle.cli.errors import UsageError
from passerelle.cli.framework import (
    add_data_option,
    company_of,
    require_base_url,
    start_django,
)


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "admin",
        help="create a company's administrator",
        epilog="example: passerelle admin create ada@acme.example --company acme",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    create = verbs.add_parser(
        "create",
        help="create an administrator, or make an account one",
        epilog="example: passerelle admin create ada@acme.example --company acme",
    )
    create.add_argument("email", metavar="EMAIL")
    create.add_argument("--company", metavar="SLUG", required=True)
    create.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    add_data_option(create)
    create.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.audit.record import OPERATOR
    from passerelle.directory.actions import make_administrator
    from passerelle.provisioning import parse_email

    company = company_of(arguments.company)
    address = parse_email(arguments.email)
    if address is None:
        raise UsageError(f"EMAIL: expected an e-mail address, received {arguments.email!r}")
    password = _password(company.password_min_length) if arguments.password_stdin else None
    if password is None:
        require_base_url()
    user = make_administrator(
        company, address, password=password, actor=OPERATOR, now=datetime.now(UTC)
    )
    sys.stdout.write(_result(user))
    return 0


def _password(at_least: int) -> str:
    from django.contrib.auth.hashers import make_password

    try:
        password = sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError("--password-stdin: expected UTF-8 text on standard input") from error
    if not at_least <= len(password) <= 1000:
        raise UsageError(
            f"--password-stdin: expected {at_least} to 1000 characters on standard input, "
            f"received {len(password)}"
        )
    return make_password(password)


def _result(user: Any) -> str:
    from django.conf import settings

    from passerelle.sso.passwords import activation_path

    line = f"{user.email} administers {user.company.slug}\n"
    if user.status == "invited":
        link = settings.PASSERELLE.base_url + activation_path(user)
        line += f"Activation link, valid for seven days and one use:\n{link}\n"
    return line
