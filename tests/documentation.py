"""The reference pages that are written from the code itself; `--update` writes them anew."""

import os
import subprocess
import sys
from pathlib import Path

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def reasons() -> str:
    """Every reason with its cause and its cure."""
    from passerelle.sso.records.explain import EXPLAINED

    lines = ["# Reasons of refusals", ""]
    lines += ["Each is stable: scripts and alarms may depend on it.", ""]
    lines += ["| reason | what happened | what to do |", "|---|---|---|"]
    for reason, (detail, fix) in sorted(EXPLAINED.items()):
        lines.append(f"| `{reason}` | {_plain(detail)} | {_plain(fix)} |")
    return "\n".join(lines) + "\n"


def _plain(template: str) -> str:
    """A template without its values: `%(seconds)s` becomes `…`."""
    import re

    return re.sub(r"%\(\w+\)s", "…", template).replace(" …", " …").rstrip(" …") or template


def environment() -> str:
    """Every environment variable with its sentence."""
    import ast

    from passerelle.config import env

    tree = ast.parse(Path(env.__file__).read_text())
    model = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Environment")
    lines = ["# Environment variables", ""]
    lines += ["A wrong value stops the start with one line that names the variable.", ""]
    lines += ["| variable | what it is for |", "|---|---|"]
    for field, sentence in zip(model.body, model.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(sentence, ast.Expr):
            text = ast.literal_eval(sentence.value)
            lines.append(f"| `PASSERELLE_{field.target.id.upper()}` | {' '.join(text.split())} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """What `--help` says of every command."""
    from passerelle.cli.main import COMMANDS

    lines = ["# Commands", "", "What `passerelle COMMAND --help` says.", ""]
    nested = {"admin": ["admin", "create"], "audit": ["audit", "verify"]}
    for name in COMMANDS:
        command = nested.get(name, [name])
        lines += [f"## {' '.join(command)}", "", "```", _help(command), "```", ""]
    lines += ["## audit export", "", "```", _help(["audit", "export"]), "```", ""]
    return "\n".join(lines)


def attacks() -> str:
    """Every attack of the corpus, and the reason that it has to be refused for."""
    from importlib import import_module

    from tests.saml.attacks import MODULES

    lines = ["# Attacks on responses", ""]
    lines += ["Each is a test: the message is built, attacked, and has to be refused for exactly"]
    lines += ["the reason beside it.", ""]
    for name in MODULES:
        module = import_module(f"tests.saml.attacks.{name}")
        lines += [f"## {(module.__doc__ or '').splitlines()[0]}", ""]
        lines += [f"`tests/saml/attacks/{name}.py`", "", "| attack | reason |", "|---|---|"]
        lines += [f"| {one.name.replace('|', '/')} | `{one.reason}` |" for one in module.ATTACKS]
        lines.append("")
    return "\n".join(lines)


def _help(command: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "passerelle", *command, "--help"],
        env={**os.environ, "COLUMNS": "96"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


PAGES = {
    "reasons.md": reasons,
    "environment.md": environment,
    "commands.md": commands,
    "attacks.md": attacks,
}


def main() -> None:
    for name, write in PAGES.items():
        (REFERENCE / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    import tests.environment  # noqa: F401

    main()
