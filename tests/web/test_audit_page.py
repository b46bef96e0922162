"""Settings > Audit: who changed what, found, read and taken away."""

import csv
import json

import pytest

from passerelle.audit.chain import seal
from passerelle.audit.events import EventName
from passerelle.audit.record import OPERATOR, Actor, Entry, record
from passerelle.web.frame.event_names import EVENT_LABELS
from tests.browsing import Browser
from tests.world import NOW, make_administrator, make_company

pytestmark = pytest.mark.django_db
PAGE = "/settings/audit/"


def happen(company, target="Acme", **details):
    entry = Entry(EventName.SETTINGS_CHANGED, target, details)
    record([entry], company_id=company.id, actor=Actor("user", "alice@acme.example"), now=NOW)


def streamed(answer) -> str:
    return b"".join(answer.streaming_content).decode()


def test_an_empty_log_says_what_will_appear(alice):
    assert "Every change of an account" in alice.get(PAGE).content.decode()


def test_changes_are_shown_from_what_to_what_and_how_far_they_are_sealed(acme, alice):
    happen(acme, name=["Old", "New"], target_url=[None, "https://x.example"])
    page = alice.get(PAGE).content.decode()
    assert "Old → New" in page
    assert "– → https://x.example" in page
    assert "Sealed" not in page
    seal()
    assert "Sealed" in alice.get(PAGE).content.decode()


@pytest.mark.parametrize("name", EventName)
def test_every_event_has_a_name_that_people_read(name):
    assert EVENT_LABELS[name]


def test_details_are_called_what_the_pages_call_them(acme, alice):
    happen(acme, **{"saml.target_url": ["", "https://x.example"], "update_profile": [True, False]})
    page = alice.get(PAGE).content.decode()
    assert "Security settings changed" in page
    assert "Target URL: – → https://x.example" in page
    assert "yes → no" in page


def test_two_of_something_that_was_made_are_no_change(acme, alice):
    entry = Entry(EventName.PERMISSION_SET_CREATED, "Analyst", {"permissions": ["a.b", "c.d"]})
    record([entry], company_id=acme.id, actor=Actor("user", "alice@acme.example"), now=NOW)
    assert "a.b; c.d" in alice.get(PAGE).content.decode()


def test_a_list_of_rights_is_read_as_words(acme, alice):
    happen(acme, memberships=[{"workspace": "Production", "permission_set": "Analyst"}], left=[])
    page = alice.get(PAGE).content.decode()
    assert "Rights: Workspace: Production, Permission set: Analyst" in page
    assert "left: –" in page


def test_events_are_filtered_and_paged(acme, alice):
    for number in range(60):
        happen(acme, target=f"target {number}")
    first = alice.get(PAGE)
    assert len(first.context["shown"]) == 50
    assert len(alice.get(PAGE + first.context["page"].more).context["shown"]) == 10
    assert len(alice.get(PAGE, {"target": "target 7"}).context["shown"]) == 1
    assert len(alice.get(PAGE, {"actor": "ALICE"}).context["shown"]) == 50
    assert "No event fits" in alice.get(PAGE, {"event": "user:removed"}).content.decode()


def test_it_is_taken_away_as_csv_and_json_lines(acme, alice):
    happen(acme, target="=cmd()", name=["é", "ü"])
    rows = list(csv.reader(streamed(alice.get(f"{PAGE}audit.csv")).splitlines()))
    assert rows[1][3] == "'=cmd()"
    [line] = streamed(alice.get(f"{PAGE}audit.jsonl")).splitlines()
    assert json.loads(line)["details"] == {"name": ["é", "ü"]}


@pytest.mark.parametrize("path", ["", "audit.csv", "audit.jsonl"])
def test_another_companys_events_are_not_there(acme, path):
    happen(acme, target="secret of Acme")
    mallory = Browser().enter(make_administrator(make_company("globex")))
    answer = mallory.get(PAGE + path)
    text = streamed(answer) if path else answer.content.decode()
    assert "secret of Acme" not in text


def test_who_did_it_is_said_in_words_where_it_was_nobody_with_an_address(acme, alice):
    for actor, says in (
        (OPERATOR, "Whoever runs the service"),
        (Actor("emergency code", "203.0.113.9"), "An emergency code, from 203.0.113.9"),
        (Actor("set-up link", "made by a@acme.example"), "A set-up link, made by a@acme.example"),
    ):
        changed = {"sso_enforcement": ["off", "everyone"]}
        entry = Entry(EventName.ENFORCEMENT_CHANGED, "Acme", changed)
        record([entry], company_id=acme.id, actor=actor, now=NOW)
        page = alice.get(PAGE).content.decode()
        assert says in page
        assert "nobody → everybody" in page


def test_two_certificates_that_came_are_no_change_from_one_to_the_other(acme, alice):
    entry = Entry(EventName.METADATA_FOLLOWED, "Acme SSO", {"certificates_added": ["aa", "bb"]})
    record([entry], company_id=acme.id, actor=OPERATOR, now=NOW)
    page = alice.get(PAGE).content.decode()
    assert "aa; bb" in page
    assert "aa → bb" not in page
