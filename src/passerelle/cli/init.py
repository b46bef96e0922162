"""`passerelle init`: a first configuration file, from a few questions or flags."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from passerelle.cli.terminal import UsageError, say
from passerelle.infra.domain_names import normalise_domain
from passerelle.provisioning import parse_email

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Question:
    flag: str
    asked: str
    expected: str
    is_right: Callable[[str], bool]
    otherwise: Callable[[dict[str, str]], str] = lambda _answers: ""
    """What Enter alone means, from the answers so far; empty: an answer is needed."""


def _is_line(text: str) -> bool:
    return 0 < len(text) <= 150 and text.isprintable()


def _is_slug(text: str) -> bool:
    return len(text) <= 63 and SLUG.fullmatch(text) is not None and text != "code"


def _is_metadata(text: str) -> bool:
    """An address, or a file that is there; a dash leaves it for the pages."""
    if text == "-":
        return True
    if "://" in text:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname)
    return Path(text).is_file()


QUESTIONS = (
    Question(
        "company",
        "Short name of the company, for addresses",
        "lower-case letters, digits and hyphens, such as acme",
        _is_slug,
    ),
    Question(
        "name",
        "Its name, as people see it",
        "one line of at most 150 characters",
        _is_line,
        lambda answers: answers["company"].replace("-", " ").title(),
    ),
    Question(
        "admin",
        "E-mail address of its first administrator",
        "an e-mail address",
        lambda text: parse_email(text) is not None,
    ),
    Question(
        "domain",
        "E-mail domain of its people",
        "a domain such as acme.example",
        lambda text: normalise_domain(text) is not None,
        lambda answers: answers["admin"].rpartition("@")[2],
    ),
    Question(
        "idp-metadata",
        "Metadata of its identity provider: an address or a file, - to do that on the page",
        "an https address, a file that is there, or -",
        _is_metadata,
        lambda _answers: "-",
    ),
    Question(
        "workspace",
        "Default workspace, which newcomers get",
        "one line of at most 150 characters",
        _is_line,
        lambda _answers: "Production",
    ),
    Question(
        "permission-set",
        "Default permission set, which newcomers get",
        "one line of at most 150 characters",
        _is_line,
        lambda _answers: "Viewer",
    ),
)


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "init",
        help="write a first configuration file, asking what flags do not say",
        epilog="example: passerelle init --company acme --name Acme --admin ada@acme.example",
    )
    for question in QUESTIONS:
        metavar = {"company": "SLUG", "admin": "EMAIL"}.get(question.flag, "TEXT")
        parser.add_argument(f"--{question.flag}", metavar=metavar, help=question.expected)
    parser.add_argument(
        "--output", metavar="FILE.toml", default="passerelle.toml", help="default: passerelle.toml"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    target = Path(arguments.output)
    if target.exists():
        raise UsageError(f"--output: {target} is there already, and stays as it is")
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        given = getattr(arguments, question.flag.replace("-", "_"))
        answers[question.flag] = _answer(question, given, answers)
    try:
        # Whoever was quicker keeps their file.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_written(answers, target))
    except OSError as error:
        raise UsageError(f"--output: {target}: {error.strerror}") from error
    company, admin = answers["company"], answers["admin"]
    say(
        f"{target} is written. Next:",
        "  passerelle migrate",
        f"  passerelle apply {target}",
        f"  passerelle admin create {admin} --company {company}",
        "  passerelle serve",
    )
    return 0


def _answer(question: Question, given: str | None, answers: dict[str, str]) -> str:
    """From the flag, the terminal, or what Enter alone would mean. Raises UsageError."""
    default = question.otherwise(answers)
    if given is not None:
        if not question.is_right(given.strip()):
            raise UsageError(f"--{question.flag}: expected {question.expected}; received {given!r}")
        return given.strip()
    if not sys.stdin.isatty():
        if default:
            return default
        raise UsageError(f"--{question.flag}: expected {question.expected}; received nothing")
    while True:
        hint = f" [{default}]" if default else ""
        try:
            typed = input(f"{question.asked}{hint}: ").strip() or default
        except EOFError:
            raise UsageError("nothing was written: the questions were not answered") from None
        if typed and question.is_right(typed):
            return typed
        say(f"  Expected {question.expected}.")


def _written(answers: dict[str, str], target: Path) -> str:
    def text(name: str) -> str:
        # A JSON string is a TOML basic string.
        return json.dumps(answers[name], ensure_ascii=False)

    metadata = answers["idp-metadata"]
    lines = [
        "# Every key: docs/reference/configuration-file.md. A list that stands here is whole;",
        "# what is left out is looked after on the pages.",
        "",
        "[[companies]]",
        f"slug = {text('company')}",
        f"name = {text('name')}",
        "jit_provisioning_available = true",
        "",
        "  [[companies.workspaces]]",
        f"  name = {text('workspace')}",
        "",
        "  [[companies.permission_sets]]",
        f"  name = {text('permission-set')}",
        '  permissions = ["dashboards.view", "reports.view"]',
        "",
        "  [[companies.domains]]",
        f"  name = {text('domain')}",
        "  verified = true                  # you vouch that it is theirs",
        "",
    ]
    if metadata != "-":
        lines += [
            "  [[companies.saml]]",
            f"  slug = {text('company')}",
            f"  name = {json.dumps(answers['name'] + ' SSO', ensure_ascii=False)}",
            _source(metadata, target),
            "",
        ]
    lines += [
        "  [companies.provisioning]",
        # With an address alone, there is nobody to trust before it has been read.
        f"  automatic_user_provisioning = {'true' if _is_file(metadata) else 'false'}",
        f"  default_workspace = {text('workspace')}",
        f"  default_permission_set = {text('permission-set')}",
    ]
    return "\n".join(lines) + "\n"


def _is_file(metadata: str) -> bool:
    return metadata != "-" and "://" not in metadata


def _source(metadata: str, target: Path) -> str:
    if not _is_file(metadata):
        return f"  metadata_url = {json.dumps(metadata)}"
    # As the file says it: relative to itself.
    relative = os.path.relpath(Path(metadata).resolve(), target.resolve().parent)
    return f"  metadata_file = {json.dumps(relative, ensure_ascii=False)}"
