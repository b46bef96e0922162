"""An attribute that is not sent: one person has none, or the provider has stopped sending it."""

from datetime import UTC, datetime

from passerelle.provisioning.absence import after, doubted, left_out
from passerelle.provisioning.model import Seen

NOW = datetime(2030, 1, 31, tzinfo=UTC)
GROUPS = frozenset({"groups"})
SENT, ABSENT = Seen(sent=GROUPS), Seen(absent=GROUPS)
HELD, LEFT = Seen(absent=GROUPS, held=GROUPS), Seen(absent=GROUPS, left=GROUPS)


def state_after(*sign_ins):
    """Each sign-in is somebody else's."""
    state = {}
    for number, seen in enumerate(sign_ins):
        state = after(state, seen, f"person {number}", NOW)
    return state


def test_only_that_there_are_several_is_noted_while_everybody_is_sent_it():
    assert state_after(SENT, SENT) == state_after(SENT, SENT, SENT) == {"groups": {}}


def test_the_only_person_who_was_ever_sent_it_leaves_at_once():
    only = state_after(SENT)
    assert left_out(only, "person 0") == GROUPS
    assert left_out(only, "somebody else") == set()
    gone = after(only, LEFT, "person 0", NOW)
    assert left_out(gone, "person 0") == GROUPS
    back = after(gone, SENT, "person 0", NOW)
    assert left_out(back, "person 0") == GROUPS
    joined = after(back, SENT, "person 1", NOW)
    assert left_out(joined, "person 0") == left_out(joined, "somebody else") == GROUPS
    assert left_out(state_after(SENT, SENT), "person 0") == set()


def test_a_provider_that_never_sends_it_is_noted_once():
    once = state_after(ABSENT)
    assert after(once, ABSENT, "another", NOW) == once
    assert (left_out(once, "another"), doubted(once)) == (set(), [])


def test_it_is_left_out_for_single_people_once_one_came_without_and_a_later_one_with_it():
    assert left_out(state_after(SENT, ABSENT), "another") == set()
    assert left_out(state_after(ABSENT, SENT), "another") == GROUPS
    assert left_out(state_after(ABSENT, SENT, ABSENT), "another") == GROUPS


def test_the_first_who_misses_it_leaves_it_in_doubt_until_somebody_is_sent_it():
    doubt = state_after(SENT, HELD)
    assert (left_out(doubt, "another"), doubted(doubt)) == (set(), ["groups"])
    assert after(doubt, HELD, "another", NOW) == doubt
    settled = after(doubt, SENT, "another", NOW)
    assert (left_out(settled, "another"), doubted(settled)) == (GROUPS, [])


def test_a_second_person_in_a_row_who_misses_it_is_doubted():
    one = state_after(ABSENT, SENT, LEFT)
    assert (left_out(one, "another"), doubted(one)) == (set(), [])
    assert doubted(after(one, HELD, "another", NOW)) == ["groups"]
