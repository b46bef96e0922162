"""Every check and every reason owns an attack; a rule without one is not proven."""

from importlib import import_module

from passerelle.saml.checks import CHECKS
from passerelle.saml.explain import CHECK_NAMES, FAILED

from . import MODULES

ATTACKS = tuple(
    attack for name in MODULES for attack in import_module(f".{name}", __package__).ATTACKS
)


def test_every_reason_owns_an_attack():
    assert {attack.reason for attack in ATTACKS} == set(FAILED)


def test_every_check_function_refuses_an_attack():
    failed = {
        check.check for attack in ATTACKS for check in attack.judged().checks if not check.passed
    }
    assert failed >= {rule.__name__.removeprefix("check_") for rule in CHECKS}
    assert failed == set(CHECK_NAMES)


def test_every_check_owns_an_attack_that_nothing_else_refuses():
    """Taken away, that attack would be let in, or be told to be something else."""
    alone = {
        failed[0]
        for attack in ATTACKS
        if len(failed := [c.check for c in attack.judged().checks if not c.passed]) == 1
    }
    assert alone == set(CHECK_NAMES)


def test_there_are_many_attacks():
    assert len(ATTACKS) >= 450
