"""The sentences about decisions."""

import pytest

from passerelle.provisioning.describe import REFUSED, STEPS, describe_step
from passerelle.provisioning.model import (
    ActivateAccount,
    CreateAccount,
    Give,
    LinkIdentity,
    UpdateProfile,
    Withdraw,
)
from tests.provisioning.accounts import DEFAULT, GRACE

NAMES = {"production": "Production", "analyst": "Analyst"}


@pytest.mark.parametrize(
    ("step", "names", "sentence"),
    [
        (
            CreateAccount(GRACE, "G", "H", "active"),
            NAMES,
            "Create the account grace@acme.example",
        ),
        (LinkIdentity("u-1"), NAMES, "Link the identity u-1"),
        (ActivateAccount(), NAMES, "Activate the invited account"),
        (
            UpdateProfile(GRACE, None, "Hopper"),
            NAMES,
            "Update the profile: grace@acme.example, Hopper",
        ),
        (UpdateProfile(first_name="Grace"), NAMES, "Update the profile: Grace"),
        (
            Give(DEFAULT, "default", "default"),
            NAMES,
            "Give Analyst in Production (default)",
        ),
        (Withdraw(DEFAULT, "gone"), {}, "Withdraw analyst in production (gone)"),
    ],
)
def test_a_step_is_one_sentence(step, names, sentence):
    template, values = describe_step(step, names)
    assert template % values == sentence


def test_each_kind_of_step_has_a_sentence():
    assert len(STEPS) == 6


def test_each_refusal_says_what_is_wrong_and_how_to_mend_it():
    assert all(detail and fix for detail, fix in REFUSED.values())
