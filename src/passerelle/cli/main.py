"""Choose the command. Nothing of the web framework is imported before a command needs it."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, TextIO

from passerelle import __version__
from passerelle.cli.terminal import UsageError, printable

COMMANDS = (
    "demo",
    "init",
    "serve",
    "migrate",
    "apply",
    "export",
    "users",
    "sign-ins",
    "admin",
    "inspect",
    "preview",
    "keys",
    "applications",
    "tokens",
    "backup",
    "restore",
    "check",
    "audit",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of use are one line and exit status 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _never_fail_to_write(sys.stderr)
    _never_fail_to_write(sys.stdout, for_machines="--json" in given or "export" in given[:2])
    try:
        parsed = _parser(given).parse_args(given)
        return int(parsed.run(parsed) or 0)
    except UsageError as error:
        sys.stderr.write(f"passerelle: {printable(' '.join(str(error).split()))}\n")
        return 2
    except BrokenPipeError:
        # The reader of our output went away, as `head` does: no reason to complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not _is_of_the_database(error):
            raise
        from passerelle.infra.database_faults import Fault, fault_of

        text = " ".join(str(error).split())
        sys.stderr.write(f"passerelle: {fault_of(error) or Fault.AWAY}: {text}\n")
        return 2


def _never_fail_to_write(stream: TextIO, *, for_machines: bool = False) -> None:
    """JSON and TOML are UTF-8; people get what their terminal can show, and the rest escaped."""
    if isinstance(stream, io.TextIOWrapper):
        encoding = "utf-8" if for_machines else stream.encoding
        stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _is_of_the_database(error: Exception) -> bool:
    """By name: commands that need no database do not import what talks to one."""
    return any(one.__module__ == "django.db.utils" for one in type(error).__mro__)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="passerelle",
        description="SAML single sign-on with just-in-time provisioning for dashboards.",
        epilog="example: passerelle demo",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(
        metavar="COMMAND",
        required=True,
        parser_class=_Parser,
    )
    # Only the module of the command that was asked for is loaded: `inspect` starts at once.
    chosen = [name for name in COMMANDS if name in given[:1]] or COMMANDS
    for name in chosen:
        import_module(f"passerelle.cli.{name.replace('-', '_')}").add_parser(commands)
    return parser


def _columns() -> int:
    """How wide help is written. Argparse would ask shutil, and load three decompressors with it."""
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        with suppress(OSError):
            return os.get_terminal_size().columns or 80
        return 80


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


class _Parser(argparse.ArgumentParser):
    def __init__(self, **keywords: Any) -> None:
        super().__init__(formatter_class=_Help, **keywords)

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{message} (see {self.prog} --help)")
