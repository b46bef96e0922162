"""`passerelle export`: the configuration as TOML."""

import argparse
import sys
from typing import Any

from passerelle.cli.framework import add_data_option, company_of, start_django


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="write the configuration as TOML",
        epilog="example: passerelle export --company acme > acme.toml",
    )
    parser.add_argument("--company", metavar="SLUG")
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.configfile.export import export_configuration

    company_of(arguments.company)
    sys.stdout.write(export_configuration(arguments.company))
    return 0
