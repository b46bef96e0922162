"""Every check and every reason owns an attack; a rule without one is not proven."""

from passerelle.saml.checks import CHECKS
from passerelle.saml.explain import CHECK_NAMES, FAILED

from . import (
    test_claims,
    test_content,
    test_encryption,
    test_parser,
    test_signature,
    test_signing_key,
    test_wrapping,
)

ATTACKS = (
    *test_claims.ATTACKS,
    *test_content.ATTACKS,
    *test_encryption.ATTACKS,
    *test_parser.ATTACKS,
    *test_signature.ATTACKS,
    *test_signing_key.ATTACKS,
    *test_wrapping.ATTACKS,
)


def test_every_reason_owns_an_attack():
    assert {attack.reason for attack in ATTACKS} == set(FAILED)


def test_every_check_function_refuses_an_attack():
    failed = {
        check.check for attack in ATTACKS for check in attack.judged().checks if not check.passed
    }
    assert failed >= {rule.__name__.removeprefix("check_") for rule in CHECKS}
    assert failed == set(CHECK_NAMES)


def test_there_are_many_attacks():
    assert len(ATTACKS) >= 250
