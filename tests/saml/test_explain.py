"""Every verdict has its sentence, and every failure says what to change."""

import re

import pytest

from passerelle import saml
from passerelle.saml import checks
from passerelle.saml.errors import MAX_SHOWN, MessageError, SAMLError, shortened
from passerelle.saml.explain import CHECK_NAMES, CLOSER, FAILED, PASSED, filled

SENTENCE = re.compile(r"(?s)([A-Z]|%\(came\)s ).*\.( %\(message\)s)?$")
PROMISED = """malformed_message message_too_large doctype_forbidden unsupported_version
wrong_message status_not_success signature_missing signature_invalid signature_profile_forbidden
algorithm_forbidden certificate_unknown decryption_failed assertion_count issuer_mismatch
destination_mismatch recipient_mismatch audience_mismatch subject_confirmation_invalid
in_response_to_mismatch unsolicited_refused expired not_yet_valid name_id_missing
authn_statement_missing""".split()


def test_every_reason_that_was_promised_is_explained():
    assert set(PROMISED) <= set(FAILED)


@pytest.mark.parametrize("reason", [*FAILED, *CLOSER])
def test_a_failure_says_what_happened_and_what_to_change(reason):
    assert reason.partition(".")[0] in FAILED
    for sentence in {**FAILED, **CLOSER}[reason]:
        assert SENTENCE.fullmatch(sentence), sentence


@pytest.mark.parametrize("sentence", PASSED.values())
def test_success_is_a_sentence(sentence):
    assert SENTENCE.fullmatch(sentence)


def test_every_check_has_a_name():
    rules = {rule.__name__.removeprefix("check_") for rule in checks.CHECKS}
    assert set(PASSED) | rules <= set(CHECK_NAMES)


def test_values_fill_a_sentence_and_are_not_read_as_one():
    assert filled("%(a)s and %(b)s.", {"a": "%(b)s"}) == "%(b)s and ?."


def test_a_failure_without_a_reason_is_a_malformed_message():
    detail, fix = saml.explain(saml.Check("message", False))
    assert (detail, fix) == FAILED["malformed_message"]


def test_a_check_without_a_sentence_says_nothing():
    assert saml.explain(saml.Check("moon", True)) == ("", None)


def test_an_error_says_what_was_expected_and_received():
    assert str(SAMLError("reason")) == "reason"
    assert str(MessageError("reason", expected="a", received="b")) == (
        "reason; expected a; received b"
    )


def test_what_was_received_is_cut():
    error = SAMLError("reason", received="x" * 1000, subject="y" * 1000)
    assert error.received == "x" * (MAX_SHOWN - 1) + "…"
    assert len(error.values["subject"]) == MAX_SHOWN
    assert shortened("x" * MAX_SHOWN) == "x" * MAX_SHOWN
