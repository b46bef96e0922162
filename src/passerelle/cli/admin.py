"""`passerelle admin create`: the first administrator of a company."""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from passerelle.cli.framework import (
    add_data_option,
    company_of,
    require_base_url,
    start_django,
)
from passerelle.cli.terminal import UsageError


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
    from passerelle.directory.models import User
    from passerelle.provisioning import parse_email

    company = company_of(arguments.company)
    address = parse_email(arguments.email)
    if address is None:
        raise UsageError(f"EMAIL: expected an e-mail address, received {arguments.email!r}")
    found = User.objects.filter(company=company, email_key=address.key).first()
    if found and found.status == User.Status.SUSPENDED:
        raise UsageError(
            f"{found.email} is suspended and stays so: an administrator has to reinstate the "
            "account first"
        )
    password = (
        _password(User(company=company, email=address.shown)) if arguments.password_stdin else None
    )
    if password is None:
        require_base_url()
    user = make_administrator(
        company, address, password=password, actor=OPERATOR, now=datetime.now(UTC)
    )
    sys.stdout.write(_result(user))
    return 0


def _password(user: Any) -> str:
    from django.contrib.auth.hashers import make_password

    from passerelle.sso.sign_in.password_rules import password_problem

    try:
        password = sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError("--password-stdin: expected UTF-8 text on standard input") from error
    if problem := password_problem(user, password):
        raise UsageError(f"--password-stdin: {problem} Received: {len(password)} characters.")
    return make_password(password)


def _result(user: Any) -> str:
    from django.conf import settings

    from passerelle.directory.links import activation_path, may_activate

    line = f"{user.email} administers {user.company.slug}\n"
    if may_activate(user):
        link = settings.PASSERELLE.base_url + activation_path(user)
        line += f"Activation link, valid for seven days and one use:\n{link}\n"
    return line
