"""An attribute that is not sent: one person has none, or the provider has stopped sending it."""

from datetime import UTC, datetime

from passerelle.provisioning.absence import after, doubted, left_out
from passerelle.provisioning.model import Seen

NOW = datetime(2030, 1, 31, tzinfo=UTC)
GROUPS = frozenset({"groups"})
SENT, ABSENT = Seen(sent=GROUPS), Seen(absent=GROUPS)
HELD, LEFT = Seen(absent=GROUPS, held=GROUPS), Seen(absent=GROUPS, left=GROUPS)


def state_after(*sign_ins):
    state = {}
    for seen in sign_ins:
        state = after(state, seen, NOW)
    return state


def test_nothing_is_noted_while_everybody_is_sent_it():
    assert state_after(SENT, SENT) == {}


def test_a_provider_that_never_sends_it_is_noted_once():
    once = state_after(ABSENT)
    assert after(once, ABSENT, NOW) == once
    assert (left_out(once), doubted(once)) == (set(), [])


def test_it_is_left_out_for_single_people_once_one_came_without_and_a_later_one_with_it():
    assert left_out(state_after(SENT, ABSENT)) == set()
    assert left_out(state_after(ABSENT, SENT)) == GROUPS
    assert left_out(state_after(ABSENT, SENT, ABSENT)) == GROUPS


def test_the_first_who_misses_it_leaves_it_in_doubt_until_somebody_is_sent_it():
    doubt = state_after(SENT, HELD)
    assert (left_out(doubt), doubted(doubt)) == (set(), ["groups"])
    assert after(doubt, HELD, NOW) == doubt
    settled = after(doubt, SENT, NOW)
    assert (left_out(settled), doubted(settled)) == (GROUPS, [])


def test_a_second_person_in_a_row_who_misses_it_is_doubted():
    one = state_after(ABSENT, SENT, LEFT)
    assert (left_out(one), doubted(one)) == (set(), [])
    assert doubted(after(one, HELD, NOW)) == ["groups"]
