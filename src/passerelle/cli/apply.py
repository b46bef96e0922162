"""`passerelle apply`: make the installation match a file."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from passerelle.cli.framework import add_data_option, start_django
from passerelle.cli.terminal import UsageError, say


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "apply",
        help="make the installation match a configuration file",
        epilog="example: passerelle apply passerelle.toml --dry-run",
    )
    parser.add_argument("file", metavar="FILE.toml")
    parser.add_argument("--dry-run", action="store_true", help="show the changes, make none")
    parser.add_argument(
        "--allow-removals",
        action="store_true",
        help="remove connections, domains and applications, and switch off what people use",
    )
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    from passerelle.configfile.apply import apply_file
    from passerelle.configfile.document import ConfigurationFile, WrongConfiguration

    try:
        file = ConfigurationFile(Path(arguments.file))
        changes = apply_file(
            file,
            dry_run=arguments.dry_run,
            allow_removals=arguments.allow_removals,
            now=datetime.now(UTC),
        )
    except WrongConfiguration as error:
        raise UsageError(str(error)) from error
    sys.stderr.write("".join(f"passerelle: {line}\n" for line in file.notes))
    say(*changes, f"{len(changes)} changes")
    return 0
