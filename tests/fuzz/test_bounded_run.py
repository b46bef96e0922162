"""A short run of the fuzzing, the same each time; `make fuzz` goes on for longer.

Signatures by ECDSA and ciphertexts are made anew in each run, all else comes from the numbers.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from . import findings, mutations, oracles, pieces, seeds

MESSAGES = 1000
"""In each of eight parts, which run beside each other."""
OTHERS = 1500


def hold(oracle: Callable[[bytes], object], content: bytes) -> object:
    """Hold an input against an oracle, and keep it where the oracle does not hold."""
    try:
        return oracle(content)
    except oracles.OracleError as error:
        pytest.fail(f"{error}\n{findings.how_to_replay(findings.kept(content))}")


def some(inputs: Sequence[bytes], number: int) -> tuple[bytes, random.Random]:
    chance = random.Random(number)
    return chance.choice(inputs), chance


@pytest.mark.parametrize("content", seeds.everything(), ids=lambda content: str(len(content)))
def test_every_oracle_holds_for_what_is_not_changed(content):
    hold(oracles.examine, content)


@pytest.mark.parametrize("part", range(8))
def test_a_changed_message_is_refused_for_a_reason_or_says_what_was_signed(part):
    reasons = Counter[str | None]()
    for number in range(part * MESSAGES, (part + 1) * MESSAGES):
        message, chance = some(seeds.messages(), number)
        changed = mutations.mutated(message, chance, seeds.messages())
        judgement = hold(oracles.examine_message, changed)
        reasons[judgement.reason] += 1
    # Of moves that leave nothing accepted, or nothing readable, there would be little to learn.
    assert reasons[None] > MESSAGES * 0.05
    assert reasons["malformed_message"] < MESSAGES * 0.6
    assert len(reasons) >= 8


def test_changed_metadata_is_read_or_refused():
    for number in range(OTHERS):
        document, chance = some(seeds.metadata(), number)
        changed = mutations.mutated(document, chance, seeds.metadata())
        hold(oracles.metadata_is_read_or_refused, changed)


def test_changed_certificates_are_read_or_refused():
    for number in range(OTHERS):
        content, chance = some(seeds.certificates(), number)
        hold(oracles.certificates_are_read_or_refused, mutations.changed_bytes(content, chance))


def test_changed_form_fields_are_decoded_or_refused():
    for number in range(OTHERS):
        field, chance = some(seeds.form_fields(), number)
        hold(oracles.form_field_is_decoded_or_refused, mutations.changed_bytes(field, chance))


REPEATED = (*pieces.PIECES, *(start for start, _end in pieces.WRAPPERS), "&#120;x", "<x a='")
GROWN = 256 * 1024


@pytest.mark.parametrize("piece", REPEATED, ids=lambda piece: piece[:40].encode().hex())
def test_a_piece_that_is_repeated_takes_time_in_step_with_its_number(piece):
    message = seeds.messages()[0].decode()
    place = message.index("<samlp:Status>")
    grown = message[:place] + piece * (GROWN // len(piece)) + message[place:]
    hold(oracles.judge_ends_in_a_known_reason, grown.encode())


@pytest.mark.parametrize("attribute", pieces.ATTRIBUTES, ids=str.strip)
def test_attributes_that_are_repeated_take_time_in_step_with_their_number(attribute):
    message = seeds.messages()[0].decode()
    tags = f"<x{attribute}/>" * (GROWN // (len(attribute) + 4))
    grown = message.replace("<samlp:Status>", f"{tags}<samlp:Status>", 1)
    hold(oracles.judge_ends_in_a_known_reason, grown.encode())


@pytest.mark.parametrize("line", ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"])
def test_lines_around_certificates_that_are_repeated_take_time_in_step(line):
    for piece in (line, f"{line}A", f"{line}\n"):
        content = (piece * (GROWN // len(piece))).encode()
        hold(oracles.certificates_are_read_or_refused, content)


def test_a_number_gives_the_same_moves_each_time():
    message = seeds.messages()[0]
    first, again = (
        [mutations.mutated(message, random.Random(number), [message]) for number in range(50)]
        for _ in range(2)
    )
    assert sum(one == other for one, other in zip(first, again, strict=True)) >= 40
