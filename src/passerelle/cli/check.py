"""`passerelle check`: the installation's own diagnosis."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from passerelle.cli.diagnosis.finding import Finding
from passerelle.cli.framework import add_data_option, require_base_url, start_django
from passerelle.cli.terminal import UsageError, say


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "check",
        help="find what needs a person: certificates, clock, address, policies",
        epilog="example: passerelle check --deploy",
    )
    parser.add_argument("--deploy", action="store_true", help="also what production needs")
    parser.add_argument(
        "--forward-auth",
        metavar="URL",
        help="ask a dashboard behind a proxy instead, as a browser would",
    )
    parser.add_argument("--json", action="store_true")
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments, migrated=False)
    findings = _findings(arguments)
    passed = all(finding.passed for finding in findings)
    if arguments.json:
        document = {"ok": passed, "checks": [finding.as_json() for finding in findings]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        for one in findings:
            say(f"{'ok  ' if one.passed else 'FAIL'} {one.check}: {one.detail}")
            if one.fix:
                say(f"     {one.fix}")
    return 0 if passed else 1


def _findings(arguments: argparse.Namespace) -> list[Finding]:
    url = arguments.forward_auth
    if url is None:
        from passerelle.cli.diagnosis.installation import diagnose

        return diagnose(now=datetime.now(UTC), deploy=arguments.deploy)
    from django.conf import settings

    from passerelle.cli.diagnosis.forward_auth import ask_proxy

    require_base_url()
    if not url.startswith(("https://", "http://")):
        raise UsageError(
            "--forward-auth: expected the dashboard's address, such as "
            f"https://wiki.acme.example/, received {url!r}"
        )
    return list(ask_proxy(url, settings.PASSERELLE.base_url))
