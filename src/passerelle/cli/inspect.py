"""`passerelle inspect`: judge one SAML response, or many, with no database and no web framework."""

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from passerelle import saml
from passerelle.cli.terminal import UsageError, printable
from passerelle.saml.certificate import PrivateKey, load_private_key
from passerelle.saml.consoles import Console, console_of
from passerelle.saml.errors import MessageError
from passerelle.saml.xml import parse_instant

T = TypeVar("T")

EPILOG = """example:
  passerelle inspect response.xml --idp-metadata idp.xml \\
    --sp-entity-id https://sso.example/auth/saml/acme/metadata \\
    --acs-url https://sso.example/auth/saml/acme/callback

exit status: 0 accepted, 1 rejected, 2 wrong usage"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One response and what it is held against."""

    response_file: str
    sp_entity_id: str
    acs_url: str
    idp_metadata: str | None = None
    idp_entity_id: str | None = None
    idp_certificates: tuple[str, ...] = ()
    request_id: str | None = None
    at: str | None = None
    clock_skew: float = 60
    allow_sha1: bool = False
    sp_keys: tuple[str, ...] = field(default=())
    allow_cbc: bool = False


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "inspect",
        help="judge one SAML response, with no database",
        epilog=EPILOG,
    )
    parser.add_argument("response_file", nargs="?", help="XML, a base64 form field, or -")
    parser.add_argument("--batch", metavar="FILE", help="one JSON object a line")
    parser.add_argument("--idp-metadata", metavar="FILE")
    parser.add_argument("--idp-entity-id", metavar="ID")
    parser.add_argument(
        "--idp-certificate", metavar="FILE", action="append", default=[], dest="idp_certificates"
    )
    parser.add_argument("--sp-entity-id", metavar="ID")
    parser.add_argument("--acs-url", metavar="URL")
    parser.add_argument("--request-id", metavar="ID")
    parser.add_argument("--at", metavar="TIME", help="judge as of this time (ISO 8601, UTC)")
    parser.add_argument("--clock-skew", metavar="SECONDS", type=float, default=60)
    parser.add_argument(
        "--sp-key",
        metavar="FILE",
        action="append",
        default=[],
        dest="sp_keys",
        help="our private key, for what is encrypted; several during a rollover",
    )
    parser.add_argument("--allow-sha1", action="store_true", help="accept SHA-1 in signatures")
    parser.add_argument(
        "--allow-cbc",
        action="store_true",
        help="accept AES-CBC even where no signature covers the ciphertext",
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    # Standard error is for the one line that ends a command, not for an old certificate's oddities.
    warnings.simplefilter("ignore")
    if arguments.batch:
        if not arguments.json or arguments.response_file:
            raise UsageError("--batch takes --json and no RESPONSE_FILE")
        return _run_batch(arguments.batch)
    options = {
        name: value
        for name in Case.__dataclass_fields__
        if (value := getattr(arguments, name)) not in (None, [])
    }
    judgement = judge_case(_case(options), now=datetime.now(UTC))
    if arguments.json:
        _print_json(judgement_as_json(judgement))
    else:
        sys.stdout.write(judgement_as_text(judgement))
        sys.stdout.flush()
    return 0 if judgement.accepted else 1


def _run_batch(path: str) -> int:
    """Judge each line; a line that cannot be read gets an error, the rest goes on."""
    read_all = True
    # Not splitlines(): a JSON string may hold what only Unicode takes for the end of a line.
    for line in read_file(path).split(b"\n"):
        if not line.strip():
            continue
        name = None
        try:
            options = _options(line)
            name = options.pop("name", None)
            judgement = judge_case(_case(options), now=datetime.now(UTC))
            _print_json({"name": name, **judgement_as_json(judgement)})
        except UsageError as error:
            read_all = False
            _print_json({"name": name, "error": str(error)})
    return 0 if read_all else 2


def _options(line: bytes) -> dict[str, Any]:
    # Where it is used: who reads a text does not wait for it.
    import json

    try:
        options = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"a line must be JSON: {error}") from error
    if not isinstance(options, dict):
        raise UsageError("a line must be a JSON object")
    return {name: value for name, value in options.items() if value is not None}


def _case(options: dict[str, Any]) -> Case:
    unknown = sorted(set(options) - set(Case.__dataclass_fields__))
    if unknown:
        raise UsageError(f"unknown option {unknown[0]!r}")
    for name in ("response_file", "sp_entity_id", "acs_url"):
        if not options.get(name):
            raise UsageError(f"{_flag(name)} is required")
    texts = ("response_file", "sp_entity_id", "acs_url", "idp_metadata", "idp_entity_id")
    for name in (*texts, "request_id", "at"):
        if not isinstance(options.get(name, ""), str):
            raise UsageError(f"{_flag(name)} must be text, not {options[name]!r}")
    for name in ("allow_sha1", "allow_cbc"):
        if not isinstance(options.get(name, False), bool):
            raise UsageError(f"{_flag(name)} must be true or false, not {options[name]!r}")
    for name in ("idp_certificates", "sp_keys"):
        given = options.get(name) or []
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise UsageError(f"{_flag(name)} must be a list of files, not {given!r}")
        options = {**options, name: tuple(given)}
    return Case(**options)


def _flag(name: str) -> str:
    return "RESPONSE_FILE" if name == "response_file" else "--" + name.replace("_", "-")


def judge_case(case: Case, *, now: datetime) -> saml.Judgement:
    """Judge one case. Raises UsageError where the case itself cannot be read."""
    entity_id, certificates = _trusted(case)
    expected = saml.Expected(
        idp_entity_id=entity_id,
        certificates=certificates,
        sp_entity_id=case.sp_entity_id,
        acs_url=case.acs_url,
        request_id=case.request_id,
        now=read_instant(case.at) if case.at else now,
        clock_skew=_skew(case.clock_skew),
        allow_sha1=case.allow_sha1,
        decryption_keys=tuple(_private_key(path) for path in case.sp_keys),
        allow_cbc=case.allow_cbc,
    )
    try:
        message = saml.decode_response(read_file(case.response_file))
    except MessageError as error:
        return saml.Judgement(checks=[saml.Check.failed("message", error)])
    return saml.judge(message, expected)


def _trusted(case: Case) -> tuple[str, tuple[saml.Certificate, ...]]:
    if case.idp_metadata:
        if case.idp_certificates:
            raise UsageError("give --idp-metadata or --idp-certificate, not both")
        metadata = _metadata(case.idp_metadata, case.idp_entity_id)
        return metadata.entity_id, metadata.certificates
    if not case.idp_entity_id or not case.idp_certificates:
        raise UsageError(
            "give --idp-metadata, or --idp-entity-id with at least one --idp-certificate"
        )
    files = [_certificates(path) for path in case.idp_certificates]
    return case.idp_entity_id, tuple(one for found in files for one in found)


@cache
def _metadata(path: str, entity_id: str | None) -> saml.IdPMetadata:
    return _usable(path, lambda: saml.read_idp_metadata(read_file(path), entity_id=entity_id))


@cache
def _certificates(path: str) -> tuple[saml.Certificate, ...]:
    return _usable(path, lambda: saml.load_certificates(read_file(path)))


@cache
def _private_key(path: str) -> PrivateKey:
    return _usable(path, lambda: load_private_key(read_file(path)))


def _usable(path: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except saml.SAMLError as error:
        raise UsageError(printable(f"{path}: {error}")) from error


def read_file(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def read_instant(text: str) -> datetime:
    try:
        return parse_instant(text, "--at")
    except MessageError as error:
        raise UsageError(f"--at: expected {error.expected}, received {text!r}") from error


def _skew(seconds: object) -> timedelta:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 600:
        raise UsageError(f"--clock-skew: expected 0 to 600 seconds, received {seconds!r}")
    return timedelta(seconds=seconds)


def judgement_as_json(judgement: saml.Judgement) -> dict[str, Any]:
    """The document of `--json`; of a refused response nothing of its content is shown."""
    assertion = judgement.assertion if judgement.accepted else None
    name_id = assertion and assertion.name_id
    console = console_of(judgement.claimed_issuer)
    return {
        "accepted": judgement.accepted,
        "reason": judgement.reason,
        "name_id": name_id.value if name_id else None,
        "name_id_format": name_id.format if name_id else None,
        "session_index": assertion.session_index if assertion else None,
        "attributes": {k: list(v) for k, v in assertion.attributes.items()} if assertion else {},
        "checks": [check_as_json(check, console) for check in judgement.checks],
    }


def check_as_json(check: saml.Check, console: Console | None) -> dict[str, Any]:
    detail, fix = saml.explain(check, console)
    return {
        "check": check.check,
        "passed": check.passed,
        "expected": check.expected,
        "received": check.received,
        "detail": detail,
        "fix": fix,
    }


def judgement_as_text(judgement: saml.Judgement) -> str:
    """The same for people: a line a check, and what to do about the first that failed."""
    verdict = "accepted" if judgement.accepted else f"rejected: {judgement.reason}"
    lines: list[str] = [verdict, ""]
    console = console_of(judgement.claimed_issuer)
    for check in judgement.checks:
        detail, fix = saml.explain(check, console)
        lines.append(f"  {'ok  ' if check.passed else 'FAIL'} {check.check}: {detail}")
        if not check.passed:
            lines += [f"       expected: {check.expected}", f"       received: {check.received}"]
            lines += [f"       to mend it: {fix}"]
    if judgement.accepted and (name_id := judgement.assertion.name_id):
        lines += ["", f"  NameID: {name_id.value} ({name_id.format})"]
        lines += [f"  {k}: {', '.join(v)}" for k, v in judgement.assertion.attributes.items()]
    return "".join(printable(line) + "\n" for line in lines)


def _print_json(document: dict[str, Any]) -> None:
    import json

    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()
