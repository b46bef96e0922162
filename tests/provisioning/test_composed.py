"""Text in one form: the same as Unicode's for all that people write, and never dear."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.infra.domain_names import normalise_domain
from passerelle.provisioning.composed import MOST_MARKS, composed
from passerelle.provisioning.mapping import comparable

SECONDS = 10
"""Many times what a slow machine takes; the square of these lengths takes minutes."""

# U+0F73 and U+FF9E are no marks until they are taken apart.
MARKS = ["\u0300\u0316", "\u0f73", "\uff9e\u3099", "\u0344\u0316"]


@given(st.text(max_size=60))
def test_what_people_write_takes_the_form_of_unicode(text: str) -> None:
    assert composed(text) == unicodedata.normalize("NFC", text)
    assert composed(text, "NFKC") == unicodedata.normalize("NFKC", text)


def test_thirty_marks_on_a_letter_are_still_put_in_order() -> None:
    text = "Zoe" + "\u0300\u0316" * (MOST_MARKS // 2)
    assert composed(text) == unicodedata.normalize("NFC", text) != text


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_a_letter_with_more_marks_stays_as_it_is(marks: str, form: str) -> None:
    text = "a" + marks * 200_000
    began = time.process_time()
    assert composed(text, form) == text  # type: ignore[arg-type]
    assert time.process_time() - began < SECONDS


def test_many_values_just_below_the_limit_cost_little() -> None:
    value = ("a" + "\u0300\u0316" * (MOST_MARKS // 2)) * 60
    began = time.process_time()
    for _ in range(300):
        comparable(value)
    assert time.process_time() - began < SECONDS


def test_a_domain_of_marks_is_refused_by_its_length() -> None:
    began = time.process_time()
    assert normalise_domain("a" + "\u0300\u0316" * 200_000 + ".example") is None
    assert time.process_time() - began < SECONDS
