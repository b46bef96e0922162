"""The oracles can fail: each notices a product that is broken in the way it is there for."""

import hmac
import subprocess
import sys

import pytest

from passerelle.saml import assertion, metadata, response, signed_parts, xml, xmldsig

from . import findings, oracles, seeds
from .test_bounded_run import hold

PLAIN, OF_RESPONSE = seeds.messages()[:2]


def noticed(words: str, oracle, content: bytes) -> None:
    with pytest.raises(oracles.OracleError, match=words):
        oracle(content)


def always(*_: object, **__: object) -> bool:
    return True


def raising(*_: object, **__: object) -> None:
    raise KeyError("x")


@pytest.mark.parametrize("message", [PLAIN, OF_RESPONSE])
def test_a_digest_that_nobody_compares(monkeypatch, message):
    monkeypatch.setattr(hmac, "compare_digest", always)
    noticed("says what no seed says", oracles.examine, message.replace(b"alice", b"admin"))


def test_a_digest_that_nobody_compares_though_nothing_new_is_said(monkeypatch):
    """What bruno may say is what a seed says: only the digest tells that alice said it."""
    monkeypatch.setattr(hmac, "compare_digest", always)
    noticed("the digest does not fit", oracles.examine, PLAIN.replace(b"alice", b"bruno"))


def test_a_signature_that_nobody_verifies(monkeypatch):
    monkeypatch.setattr(xmldsig, "_verifies", always)
    at = PLAIN.index(b"SignatureValue>") + 20
    changed = PLAIN[:at] + PLAIN[at : at + 2].swapcase() + PLAIN[at + 2 :]
    noticed("signxml", oracles.examine, changed)
    monkeypatch.setattr(oracles, "signxml_verifies_it_too", always)
    noticed("xmlsec1", oracles.examine, changed)


def test_claims_that_are_read_from_elsewhere(monkeypatch):
    other = xml.parse(PLAIN.replace(b"alice", b"bruno")).find("{*}Assertion")

    def verified(_signature, expected):
        return xmldsig.VerifiedElement(other, expected.certificates[0], "", xmldsig._EARNED)

    monkeypatch.setattr(signed_parts, "_verified", verified)
    noticed("bruno.* was read, but .*alice.* was signed", oracles.examine, PLAIN)


def test_attributes_of_which_some_are_not_read(monkeypatch):
    monkeypatch.setattr(assertion, "_values", lambda attribute: iter(["x"]))
    seeds.assertions.cache_clear()
    noticed("was read, but", oracles.examine, PLAIN)
    monkeypatch.undo()
    seeds.assertions.cache_clear()


def test_an_error_that_nobody_expects(monkeypatch):
    monkeypatch.setattr(xml, "parse", raising)
    noticed("judge: raises KeyError", oracles.examine_message, PLAIN)
    noticed("metadata: raises KeyError", oracles.metadata_is_read_or_refused, PLAIN)


def test_a_form_field_that_raises_something_else(monkeypatch):
    monkeypatch.setattr(xml, "decode_base64", raising)
    noticed("form field: raises KeyError", oracles.form_field_is_decoded_or_refused, b"PHg+")


def test_a_certificate_that_raises_something_else():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("passerelle.saml.certificate.fingerprint_of", raising)
        content = seeds.certificates()[0]
        noticed("raises KeyError", oracles.certificates_are_read_or_refused, content)


def test_a_reason_that_nobody_knows(monkeypatch):
    failed = response.Check("message", False, None, None, "strange")
    monkeypatch.setattr(response, "_made", lambda made, *_: made.append(failed))
    noticed("no known reason", oracles.examine_message, PLAIN)


def test_a_refusal_without_a_reason(monkeypatch):
    monkeypatch.setattr(response, "_made", lambda *_: None)
    noticed("refused without a reason", oracles.examine_message, PLAIN)


def test_an_address_that_is_a_script(monkeypatch):
    monkeypatch.setattr(metadata, "_location", lambda *_: "javascript:alert(1)")
    noticed("no addresses", oracles.metadata_is_read_or_refused, seeds.metadata()[0])


def test_a_message_that_takes_too_long(monkeypatch):
    monkeypatch.setattr(oracles, "SECONDS", 0)
    monkeypatch.setattr(oracles, "SECONDS_FOR_A_MEBIBYTE", 0)
    noticed("judge: .* seconds for", oracles.examine, PLAIN)


def test_what_is_found_is_kept_with_the_way_to_see_it_again(monkeypatch, tmp_path):
    monkeypatch.setattr(findings, "FOLDER", tmp_path / "findings")
    monkeypatch.setattr(xml, "parse", raising)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)judge: raises.*tests\.fuzz\.run .*"):
        hold(oracles.examine, PLAIN)
    [kept] = (tmp_path / "findings").iterdir()
    assert kept.read_bytes() == PLAIN


def test_an_input_is_replayed_by_its_file(tmp_path):
    (tmp_path / "good").write_bytes(PLAIN)
    (tmp_path / "bad").write_bytes(PLAIN.replace(b"alice", b"admin"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", str(tmp_path / "good"), str(tmp_path / "bad")],
        capture_output=True,
        check=False,
        cwd=findings.ROOT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace(f"{tmp_path}/", "").splitlines() == [
        "good: accepted",
        "  every oracle holds",
        "bad: signature_invalid",
        "  every oracle holds",
    ]
