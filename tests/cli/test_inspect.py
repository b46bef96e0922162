"""`passerelle inspect`: its options, its output, its exit status, and its one-line errors."""

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from passerelle.cli import inspect as command
from passerelle.cli.main import main

from ..saml.keys import key_pair
from ..saml.response_builder import (
    ACS,
    DS_NS,
    IDP,
    REQUEST,
    SAMLP_NS,
    SP,
    Signing,
    attribute,
    attributes,
    name_id,
    response,
    status,
)

AT = "2030-01-31T12:00:00Z"
SAID = attributes(attribute("groups", "staff", "Zoë"), attribute("groups", "late"))
CHECK_KEYS = ["check", "passed", "expected", "received", "detail", "fix"]
KEYS = ["accepted", "reason", "name_id", "name_id_format", "session_index", "attributes", "checks"]


def metadata(entity_id: str = IDP, kind: str = "rsa") -> str:
    certificate = base64.b64encode(key_pair(kind).der).decode()
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'entityID="{entity_id}"><md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP_NS}">'
        f'<md:KeyDescriptor><ds:KeyInfo xmlns:ds="{DS_NS}"><ds:X509Data><ds:X509Certificate>'
        f"{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        '<md:SingleSignOnService Location="https://idp.example/sso" '
        'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/></md:IDPSSODescriptor>'
        "</md:EntityDescriptor>"
    )


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good response and all that it takes to judge it."""
    monkeypatch.chdir(tmp_path)
    written = {
        "response.xml": response(attributes=SAID),
        "unsolicited.xml": response(in_response_to=None),
        "idp.xml": metadata().encode(),
        "idp.pem": key_pair().certificate_pem,
        "idp.der": key_pair().der,
        "new.pem": key_pair("p256").certificate_pem,
        "sp.key": key_pair().pem,
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


USUAL = ["--sp-entity-id", SP, "--acs-url", ACS, "--at", AT]
TRUST = ["--idp-metadata", "idp.xml"]


def inspect(*arguments: str, usual: bool = True) -> int:
    return main(["inspect", *arguments, *(USUAL if usual else [])])


def judged(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = inspect(*arguments, "--json")
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    return code, json.loads(out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, usual: bool = True) -> str:
    """The one line on standard error, with nothing on standard output."""
    assert inspect(*arguments, usual=usual) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("passerelle: ")
    assert err.count("\n") == 1
    return err


def test_it_works(files, capsys):
    code, document = judged(capsys, "response.xml", *TRUST, "--request-id", REQUEST)
    assert code == 0
    assert list(document) == KEYS
    assert document == {
        "accepted": True,
        "reason": None,
        "name_id": "u-1",
        "name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "session_index": "_session",
        "attributes": {"groups": ["staff", "Zoë", "late"]},
        "checks": document["checks"],
    }
    assert all(list(check) == CHECK_KEYS for check in document["checks"])
    assert all(check["passed"] and check["detail"] for check in document["checks"])
    assert all(check["fix"] is None for check in document["checks"])


def test_a_refusal_shows_every_check_and_no_claims(files, capsys):
    arguments = [*TRUST, "--request-id", REQUEST, "--sp-entity-id", "https://other.example"]
    assert (
        main(["inspect", "response.xml", *arguments, "--acs-url", ACS, "--at", AT, "--json"]) == 1
    )
    document = json.loads(capsys.readouterr().out)
    assert document["accepted"] is False
    assert document["reason"] == "audience_mismatch"
    assert document["name_id"] is document["name_id_format"] is document["session_index"] is None
    assert document["attributes"] == {}
    [failed] = [check for check in document["checks"] if not check["passed"]]
    assert failed == {
        "check": "audience",
        "passed": False,
        "expected": "https://other.example",
        "received": SP,
        "detail": "The assertion is meant for another service provider.",
        "fix": failed["fix"],
    }
    assert "SP entity ID" in failed["fix"]
    assert document["checks"][-1]["check"] == "name_id"


def test_text_is_for_people(files, capsys):
    assert inspect("response.xml", *TRUST, "--request-id", REQUEST) == 0
    out = capsys.readouterr().out
    assert out.startswith("accepted\n")
    assert "  ok   signature: The assertion is signed with rsa-sha256" in out
    assert "  NameID: u-1 (" in out
    assert "  groups: staff, Zoë, late\n" in out


def test_text_of_a_refusal_says_what_to_change(files, capsys):
    assert inspect("response.xml", *TRUST) == 1
    out = capsys.readouterr().out
    assert out.startswith("rejected: in_response_to_mismatch\n")
    assert "  FAIL in_response_to: " in out
    assert f"       received: {REQUEST}\n" in out
    assert "       to mend it: Start the sign-in again" in out
    assert "NameID" not in out.replace("name_id", "")


def test_text_cannot_command_a_terminal(files, capsys):
    forged = "no\n  ok   signature: fine\u009b31m\u202e"
    (files / "odd.xml").write_bytes(response(status=status("x", message=forged)))
    assert inspect("odd.xml", *TRUST) == 1
    out = capsys.readouterr().out
    assert "no\\n  ok   signature: fine\\x9b31m\\u202e" in out
    assert not set(out) & {"\u009b", "\u202e"}


@pytest.mark.parametrize(
    "trust",
    [
        ["--idp-metadata", "idp.xml"],
        ["--idp-metadata", "idp.xml", "--idp-entity-id", IDP],
        ["--idp-entity-id", IDP, "--idp-certificate", "idp.pem"],
        ["--idp-entity-id", IDP, "--idp-certificate", "idp.der"],
        ["--idp-entity-id", IDP, "--idp-certificate", "new.pem", "--idp-certificate", "idp.pem"],
    ],
)
def test_trust_is_given_as_metadata_or_certificates(files, capsys, trust):
    code, document = judged(capsys, "unsolicited.xml", *trust)
    assert (code, document["reason"]) == (0, None)


def test_one_file_may_hold_several_certificates(files, capsys):
    both = (files / "new.pem").read_bytes() + (files / "idp.pem").read_bytes()
    (files / "both.pem").write_bytes(both)
    trust = ["--idp-entity-id", IDP, "--idp-certificate", "both.pem"]
    assert judged(capsys, "unsolicited.xml", *trust)[0] == 0


def test_metadata_may_hold_several_entities(files, capsys):
    several = f"<E xmlns='urn:oasis:names:tc:SAML:2.0:metadata'>{metadata()}" + metadata(
        "https://other.example", "p256"
    )
    several = several.replace("<E ", "<EntitiesDescriptor ") + "</EntitiesDescriptor>"
    (files / "several.xml").write_text(several)
    trust = ["--idp-metadata", "several.xml"]
    assert judged(capsys, "unsolicited.xml", *trust, "--idp-entity-id", IDP)[0] == 0
    other = [*trust, "--idp-entity-id", "https://other.example"]
    assert judged(capsys, "unsolicited.xml", *other)[1]["reason"] == "certificate_unknown"
    assert "metadata_ambiguous" in refused(capsys, "unsolicited.xml", *trust)
    missing = [*trust, "--idp-entity-id", "urn:x"]
    assert "metadata_no_idp" in refused(capsys, "unsolicited.xml", *missing)


@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.encodebytes])
def test_a_response_is_xml_or_base64_in_a_file_or_on_standard_input(
    files, capsys, monkeypatch, encode
):
    content = encode(response(in_response_to=None))
    (files / "field").write_bytes(content)
    assert judged(capsys, "field", *TRUST)[0] == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert judged(capsys, "-", *TRUST)[0] == 0


def test_time_and_skew_are_arguments(files, capsys):
    late = [*TRUST, "--at", "2030-01-31T12:05:30+00:00"]
    command = ["inspect", "unsolicited.xml", "--sp-entity-id", SP, "--acs-url", ACS, "--json"]
    assert main([*command, *late]) == 0
    assert main([*command, *late, "--clock-skew", "30"]) == 1
    assert main([*command, *late, "--clock-skew", "30.5"]) == 0
    assert main([*command, *TRUST]) == 1
    reasons = [json.loads(line)["reason"] for line in capsys.readouterr().out.splitlines()]
    assert reasons == [None, "expired", None, "not_yet_valid"]


def test_sha1_is_only_accepted_when_asked_for(files, capsys):
    signing = Signing(algorithm="rsa-sha1", digest="sha1")
    (files / "old.xml").write_bytes(response(in_response_to=None, signing=signing))
    assert judged(capsys, "old.xml", *TRUST)[1]["reason"] == "algorithm_forbidden"
    assert judged(capsys, "old.xml", *TRUST, "--allow-sha1")[1]["reason"] is None


def test_keys_for_decryption_are_read(files, capsys):
    arguments = [*TRUST, "--sp-key", "sp.key", "--sp-key", "sp.key", "--allow-cbc"]
    assert judged(capsys, "unsolicited.xml", *arguments)[0] == 0
    assert "key_malformed" in refused(capsys, "unsolicited.xml", *TRUST, "--sp-key", "idp.pem")


@pytest.mark.parametrize(
    ("content", "reason", "check"),
    [
        (b"", "malformed_message", "message"),
        (b"rubbish!", "malformed_message", "message"),
        (bytes(range(256)), "malformed_message", "message"),
        (b"<a>", "malformed_message", "message"),
        (b"A" * 5_000_000, "message_too_large", "message"),
        (b"<" + b"A" * 5_000_000, "message_too_large", "message"),
        (b"<!DOCTYPE a><a/>", "doctype_forbidden", "message"),
        (b"<a/>", "wrong_message", "message_type"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_not_an_error(
    files, capsys, content, reason, check
):
    (files / "odd").write_bytes(content)
    code, document = judged(capsys, "odd", *TRUST)
    assert (code, document["reason"]) == (1, reason)
    assert list(document) == KEYS
    assert document["checks"][-1]["check"] == check
    assert inspect("odd", *TRUST) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "RESPONSE_FILE is required"),
        (["missing.xml", *TRUST], "missing.xml: No such file"),
        ([".", *TRUST], "Is a directory"),
        (["a\0b", *TRUST], "null"),
        (["x" * 5000, *TRUST], "too long"),
        (["response.xml"], "give --idp-metadata, or --idp-entity-id with"),
        (["response.xml", "--idp-entity-id", IDP], "at least one --idp-certificate"),
        (["response.xml", "--idp-certificate", "idp.pem"], "--idp-entity-id"),
        (["response.xml", *TRUST, "--idp-certificate", "idp.pem"], "not both"),
        (["response.xml", "--idp-metadata", "missing.xml"], "missing.xml: No such file"),
        (["response.xml", "--idp-metadata", "."], "Is a directory"),
        (["response.xml", "--idp-metadata", "idp.pem"], "metadata_is_certificate"),
        (["response.xml", "--idp-metadata", "junk"], "metadata_binary"),
        (["response.xml", "--idp-metadata", "empty"], "metadata_empty"),
        (["response.xml", "--idp-metadata", "response.xml"], "metadata_malformed"),
        (["response.xml", "--idp-entity-id", IDP, "--idp-certificate", "junk"], "certificate_mal"),
        (["response.xml", "--idp-entity-id", IDP, "--idp-certificate", "empty"], "certificate_mal"),
        (["response.xml", "--idp-entity-id", IDP, "--idp-certificate", "."], "Is a directory"),
        (["response.xml", "--idp-entity-id", IDP, "--idp-certificate", "odd.pem"], "\\x1b[31m"),
        (["response.xml", "--idp-entity-id", IDP, "--idp-certificate", "weak.pem"], "1024 bits"),
        (["response.xml", *TRUST, "--sp-key", "missing.key"], "No such file"),
        (["response.xml", *TRUST, "--sp-key", "junk"], "key_malformed"),
        (["response.xml", *TRUST, "--at", "soon"], "--at: expected"),
        (["response.xml", *TRUST, "--at", "2030-01-31T12:00:00"], "--at: expected"),
        (["response.xml", *TRUST, "--at", "9999-12-31T23:59:59-01:00"], "--at: expected"),
        (["response.xml", *TRUST, "--clock-skew", "long"], "--clock-skew"),
        (["response.xml", *TRUST, "--clock-skew", "-1"], "0 to 600 seconds"),
        (["response.xml", *TRUST, "--clock-skew", "nan"], "0 to 600 seconds"),
        (["response.xml", *TRUST, "--clock-skew", "inf"], "0 to 600 seconds"),
        (["response.xml", *TRUST, "--moon"], "--moon"),
        (["response.xml", "other.xml", *TRUST], "other.xml"),
        (["--batch", "batch.jsonl"], "--batch takes --json"),
        (["--batch", "batch.jsonl", "--json", "response.xml"], "no RESPONSE_FILE"),
        (["--batch", "missing.jsonl", "--json"], "No such file"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(files, capsys, arguments, said):
    (files / "junk").write_bytes(bytes(range(256)) * 4)
    (files / "empty").write_bytes(b"")
    (files / "odd.pem").write_bytes(b"-----BEGIN \x1b[31m RED-----")
    (files / "weak.pem").write_bytes(key_pair("weak").certificate_pem)
    usual = ["--sp-entity-id", SP, "--acs-url", ACS]
    if "--at" not in arguments:
        usual += ["--at", AT]
    assert said in refused(capsys, *arguments, *usual, usual=False)


@pytest.mark.parametrize("missing", ["--sp-entity-id", "--acs-url"])
def test_both_names_of_ours_are_required(files, capsys, missing):
    usual = {"--sp-entity-id": SP, "--acs-url": ACS}
    del usual[missing]
    given = [part for pair in usual.items() for part in pair]
    assert missing in refused(capsys, "response.xml", *TRUST, *given, usual=False)


# --- many at once


GOOD = {
    "response_file": "response.xml",
    "idp_metadata": "idp.xml",
    "sp_entity_id": SP,
    "acs_url": ACS,
    "request_id": REQUEST,
    "at": AT,
}


def batch(
    capsys: pytest.CaptureFixture[str], folder: Path, *lines: dict[str, Any] | str | bytes
) -> tuple[int, list[dict[str, Any]]]:
    written = []
    for line in lines:
        text = json.dumps(line) if isinstance(line, dict) else line
        written.append(text if isinstance(text, bytes) else text.encode())
    (folder / "batch.jsonl").write_bytes(b"\n".join(written))
    code = main(["inspect", "--batch", "batch.jsonl", "--json"])
    out, err = capsys.readouterr()
    assert err == ""
    return code, [json.loads(line) for line in out.split("\n")[:-1]]


def test_a_batch_judges_each_line_in_its_order(files, capsys):
    code, documents = batch(
        capsys,
        files,
        {"name": "good", **GOOD},
        "",
        {"name": "no answer", **GOOD, "request_id": None},
        {
            **GOOD,
            "name": "certificates",
            "idp_metadata": None,
            "idp_entity_id": IDP,
            "idp_certificates": ["new.pem", "idp.pem"],
            "sp_keys": ["sp.key"],
            "allow_sha1": True,
            "allow_cbc": False,
            "clock_skew": 0,
        },
        {**GOOD, "clock_skew": None},
    )
    assert code == 0
    assert [document["name"] for document in documents] == [
        "good",
        "no answer",
        "certificates",
        None,
    ]
    assert [document["reason"] for document in documents] == [
        None,
        "in_response_to_mismatch",
        None,
        None,
    ]
    assert all(list(document) == ["name", *KEYS] for document in documents)
    assert documents[0]["attributes"] == {"groups": ["staff", "Zoë", "late"]}


BAD_LINES: dict[str, dict[str, Any] | str | bytes] = {
    "no JSON": "rubbish",
    "a cut object": '{"name": "x"',
    "a list": "[]",
    "a number": "1",
    "nothing": "null",
    "deep": "[" * 100_000,
    "a huge number": '{"clock_skew": ' + "9" * 5000 + "}",
    "no UTF-8": b'{"name": "\xff"}',
    "nothing in it": {},
    "an unknown option": {**GOOD, "moon": 1},
    "no response": {**GOOD, "response_file": ""},
    "a response that is a list": {**GOOD, "response_file": ["x"]},
    "a missing response": {**GOOD, "response_file": "missing.xml"},
    "a folder": {**GOOD, "response_file": "."},
    "a name that cannot be": {**GOOD, "response_file": "a\0b"},
    "a surrogate": {**GOOD, "response_file": "\ud800"},
    "no trust": {**GOOD, "idp_metadata": None},
    "missing metadata": {**GOOD, "idp_metadata": "missing.xml"},
    "certificates that are text": {**GOOD, "idp_certificates": "idp.pem"},
    "certificates that are numbers": {**GOOD, "idp_certificates": [1]},
    "a time that is a number": {**GOOD, "at": 1},
    "a time that is none": {**GOOD, "at": "soon"},
    "a skew that is text": {**GOOD, "clock_skew": "60"},
    "a skew that is true": {**GOOD, "clock_skew": True},
    "a skew that is too long": {**GOOD, "clock_skew": 1e300},
    "SHA-1 as text": {**GOOD, "allow_sha1": "no"},
    "CBC as a number": {**GOOD, "allow_cbc": 1},
    "keys that are text": {**GOOD, "sp_keys": "sp.key"},
    "a missing key": {**GOOD, "sp_keys": ["missing.key"]},
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_a_line_that_cannot_be_read_gets_an_error_and_the_rest_goes_on(files, capsys, line):
    code, documents = batch(capsys, files, {"name": 1, **GOOD}, line, {"name": 2, **GOOD})
    assert code == 2
    assert [document.get("accepted") for document in documents] == [True, None, True]
    assert list(documents[1]) == ["name", "error"]
    assert documents[1]["error"]


def test_a_name_may_be_any_text(files, capsys):
    names = ["\ud800", "a\u2028b\u0085c", "\n", "é\u009b"]
    lines = [json.dumps({"name": name, **GOOD}) for name in names[:1]]
    lines += [json.dumps({"name": name, **GOOD}, ensure_ascii=False) for name in names[1:]]
    code, documents = batch(capsys, files, *lines)
    assert code == 0
    assert [document["name"] for document in documents] == names


def test_lines_may_end_as_on_other_systems(files, capsys):
    text = "\ufeff" + json.dumps(GOOD) + "\r\n" + json.dumps(GOOD) + "\r\n"
    (files / "b.jsonl").write_bytes(text.encode())
    assert main(["inspect", "--batch", "b.jsonl", "--json"]) == 0
    assert capsys.readouterr().out.count('"accepted": true') == 2


def test_each_file_of_trust_is_read_once(files, capsys, monkeypatch):
    read: list[str] = []
    whole = command.read_file

    def counted(path: str) -> bytes:
        read.append(Path(path).name)
        return whole(path)

    monkeypatch.setattr(command, "read_file", counted)
    (files / "once.xml").write_text(metadata())
    line = {**GOOD, "idp_metadata": str(files / "once.xml")}
    code, documents = batch(capsys, files, *[line] * 5)
    assert code == 0
    assert len(documents) == 5
    assert read.count("once.xml") == 1
    assert read.count("response.xml") == 5


# --- as a program


def program(
    *arguments: str, environment: dict[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "passerelle", "inspect", *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        input=stdin,
        env={**os.environ, **(environment or {})},
    )


def test_nothing_of_the_web_framework_is_loaded(files):
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "passerelle",
            *["inspect", "response.xml", *TRUST, *USUAL, "--json"],
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert json.loads(done.stdout)["reason"] == "in_response_to_mismatch"
    loaded = {line.rpartition(b"|")[2].strip().split(b".")[0] for line in done.stderr.splitlines()}
    assert b"lxml" in loaded
    assert not loaded & {b"django", b"granian", b"pydantic", b"asyncio", b"psycopg"}


def test_json_is_utf_8_and_text_is_what_the_terminal_can_show(files):
    (files / "zoe.xml").write_bytes(response(in_response_to=None, name_id=name_id("Zoë-𝒵")))
    latin = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    document = program("zoe.xml", *TRUST, *USUAL, "--json", environment=latin)
    assert json.loads(document.stdout.decode())["name_id"] == "Zoë-𝒵"
    text = program("zoe.xml", *TRUST, *USUAL, environment=latin)
    assert b"NameID: Zo\\xeb-\\U0001d4b5" in text.stdout
    assert (document.returncode, text.returncode) == (0, 0)
    assert document.stderr == text.stderr == b""


def test_a_program_reads_standard_input(files):
    done = program("-", *TRUST, *USUAL, "--json", stdin=response(in_response_to=None))
    assert (done.returncode, json.loads(done.stdout)["name_id"]) == (0, "u-1")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_goes_away_is_no_reason_to_complain(files, form):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "passerelle", "inspect", "unsolicited.xml"]
    done = subprocess.run(
        [*command, *TRUST, *USUAL, *form],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_certificate_with_an_odd_serial_number_is_no_reason_to_complain(files):
    serial = b"\xa0\x03\x02\x01\x02\x02\x01\x07"
    der = key_pair().der
    assert serial in der
    (files / "odd.der").write_bytes(der.replace(serial, serial[:-1] + b"\xff"))
    trust = ["--idp-entity-id", IDP, "--idp-certificate", "odd.der"]
    done = program("unsolicited.xml", *trust, *USUAL, "--json")
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_shows_an_example():
    done = program("--help")
    assert done.returncode == 0
    assert b"passerelle inspect response.xml --idp-metadata" in done.stdout
