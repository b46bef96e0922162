"""Settings > Users for many people: order, several at once, CSV out and in."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Membership, Tombstone, User
from passerelle.sso.models import Session
from passerelle.web.frame.browsers import described
from passerelle.web.people.people_file import import_people, read_people
from tests.browsing import Browser
from tests.web.test_people import listed
from tests.world import give, make_company, make_user, session_of

pytestmark = pytest.mark.django_db
PAGE = "/settings/users/"
ASK, DO = f"{PAGE}several/", f"{PAGE}several/do/"
IMPORT = f"{PAGE}import/"


@pytest.fixture
def crowd(acme) -> list[User]:
    """Three people: the higher the number, the longer since their account and sign-in."""
    now = datetime.now(UTC)
    return [
        make_user(
            acme,
            f"p{number}@acme.example",
            created_at=now - timedelta(days=number),
            last_sign_in_at=now - timedelta(days=50 * number) if number else None,
        )
        for number in range(3)
    ]


def test_whoever_ticks_themselves_is_told_before_they_shut_themselves_out(acme, alice, crowd):
    administrator = User.objects.get(is_administrator=True)
    ids = [str(crowd[0].id), str(administrator.id)]
    both = alice.post(ASK, {"verb": "remove", "user": ids}).content.decode()
    assert "You are among them" in both
    assert "Remove: 2 people" in both
    other = alice.post(ASK, {"verb": "remove", "user": ids[:1]}).content.decode()
    assert "You are among them" not in other


def test_a_file_without_one_good_line_offers_nothing_to_carry_out(alice):
    page = alice.post(IMPORT, {"content": "email\njunk\nmore junk"}).content.decode()
    assert "No line can be carried out" in page
    assert "Import 2 lines" not in page


def test_the_list_has_three_orders(alice, crowd):
    assert listed(alice)[:2] == ["admin@acme.example", "p0@acme.example"]
    assert (
        listed(alice, sort="newest")[:3]
        == [
            "p0@acme.example",
            "p1@acme.example",
            "p2@acme.example",
        ]
        or listed(alice, sort="newest")[0] == "admin@acme.example"
    )
    assert listed(alice, sort="seen") == ["p1@acme.example", "p2@acme.example"]
    assert listed(alice, sort="junk") == listed(alice)


@pytest.mark.parametrize(
    ("seen", "who"),
    [
        ("30", []),
        ("not-90", ["admin", "p0", "p2"]),
        ("never", ["admin", "p0"]),
        ("junk", ["admin", "p0", "p1", "p2"]),
    ],
)
def test_people_are_found_by_their_last_sign_in(alice, crowd, seen, who):
    assert [one.partition("@")[0] for one in listed(alice, seen=seen)] == who


@pytest.mark.parametrize("sort", ["email", "newest", "seen"])
def test_every_order_goes_on_behind_a_page_and_shows_everybody_once(acme, alice, sort):
    now = datetime.now(UTC)
    for number in range(120):
        same = now - timedelta(days=number // 40)
        make_user(acme, f"q{number:03}@acme.example", created_at=same, last_sign_in_at=same)
    shown, address = [], f"{PAGE}?sort={sort}&q=q"
    while address:
        answer = alice.get(address)
        shown += [user.email for user, _, _ in answer.context["shown"]]
        more = answer.context["page"].more
        address = more and PAGE + more
    assert len(shown) == len(set(shown)) == 120


@pytest.mark.parametrize("after", ["junk", "_", "2030-01-01_x", "9999-99-99T00:00:00Z_x", "\0"])
@pytest.mark.parametrize("sort", ["email", "newest", "seen"])
def test_a_cursor_that_is_none_is_no_error(alice, crowd, sort, after):
    assert alice.get(PAGE, {"sort": sort, "after": after}).status_code == 200


# Several at once.


def test_the_heads_of_the_list_order_it_and_keep_the_filters(alice, crowd):
    page = alice.get(PAGE, {"status": "active"}).content.decode()
    assert 'aria-sort="ascending"><a href="?status=active">' in page
    assert '<a href="?status=active&amp;sort=seen">' in page
    page = alice.get(PAGE, {"status": "active", "sort": "seen"}).content.decode()
    assert 'aria-sort="descending"' in page


def ids(people: list[User]) -> list[str]:
    return [str(one.id) for one in people]


def test_several_are_looked_at_first_and_then_suspended(alice, crowd):
    User.objects.filter(id=crowd[2].id).update(status="suspended")
    page = alice.post(ASK, {"verb": "suspend", "user": ids(crowd)}).content.decode()
    assert "signed out at once" in page
    assert "nothing: it is so already" in page
    assert User.objects.filter(status="suspended").count() == 1
    assert alice.post(DO, {"verb": "suspend", "user": ids(crowd)}).status_code == 302
    assert User.objects.filter(status="suspended").count() == 3
    assert AuditEvent.objects.filter(event="user:suspended").count() == 2


def test_several_get_a_right(acme, alice, crowd):
    give(crowd[0])
    right = {
        "workspace": acme.default_workspace_id,
        "permission_set": acme.default_permission_set_id,
    }
    sent = {"verb": "give", "user": ids(crowd), **right}
    page = alice.post(ASK, sent).content.decode()
    assert page.count("gets the right") == 2
    alice.post(DO, sent)
    assert Membership.objects.filter(source="hand").count() == 3


def test_several_are_approved_reinstated_signed_out_and_removed(alice, crowd):
    User.objects.filter(id=crowd[0].id).update(status="pending")
    User.objects.filter(id=crowd[1].id).update(status="suspended")
    session_of(crowd[2], now=datetime.now(UTC))
    for verb in ("approve", "reinstate", "sign-out"):
        alice.post(DO, {"verb": verb, "user": ids(crowd)})
    assert User.objects.filter(status="active").count() == 4
    assert not Session.objects.filter(user=crowd[2]).exists()
    alice.post(DO, {"verb": "remove", "user": ids(crowd)})
    assert User.objects.count() == 1
    assert Tombstone.objects.exists()


def test_where_one_cannot_be_nothing_is_done(acme, alice, crowd):
    everybody = [*crowd, *User.objects.filter(is_administrator=True)]
    answer = alice.post(DO, {"verb": "suspend", "user": ids(everybody)})
    assert answer.status_code == 422
    assert "Nothing was done" in answer.content.decode()
    assert not User.objects.filter(status="suspended").exists()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"verb": "suspend"}, "Tick at least one person."),
        ({"user": "PEOPLE"}, "Choose what to do."),
        ({"user": "PEOPLE", "verb": "explode"}, "Choose what to do."),
        ({"user": "PEOPLE", "verb": "give"}, "Select a workspace and a permission set."),
        ({"user": ["x", "\0"], "verb": "suspend"}, "Tick at least one person."),
    ],
)
def test_what_is_not_chosen_is_said(alice, crowd, sent, sentence):
    sent = {**sent, "user": ids(crowd) if sent.get("user") == "PEOPLE" else sent.get("user", [])}
    for address in (ASK, DO):
        answer = alice.post(address, sent)
        assert answer.status_code == 422
        page = answer.content.decode()
        assert sentence in page
        # Whoever was ticked still is, and the choice is made here.
        assert page.count('type="hidden" name="user"') == (3 if len(sent["user"]) == 3 else 0)
        assert ('name="verb" required' in page) == (len(sent["user"]) == 3)


def test_several_of_another_company_are_nobody(alice):
    globex = make_company("globex")
    theirs = make_user(globex, "bob@globex.example")
    assert alice.post(DO, {"verb": "remove", "user": ids([theirs])}).status_code == 422
    assert User.objects.filter(id=theirs.id).exists()


# CSV.


def downloaded(alice: Browser, **query: str) -> list[dict[str, str]]:
    answer = alice.get(f"{PAGE}users.csv", query)
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_download_has_everybody_who_fits_with_their_rights(acme, alice, crowd):
    give(crowd[0])
    User.objects.filter(id=crowd[1].id).update(first_name="=1+1")
    rows = {row["email"]: row for row in downloaded(alice)}
    assert rows["p0@acme.example"]["rights"] == "Production: Analyst"
    assert rows["p1@acme.example"]["first_name"] == "'=1+1"
    assert rows["admin@acme.example"]["administrator"] == "yes"
    assert [row["email"] for row in downloaded(alice, q="p2")] == ["p2@acme.example"]


def test_the_download_takes_few_queries(acme, alice, django_assert_max_num_queries):
    for number in range(300):
        give(make_user(acme, f"q{number}@acme.example"))
    with django_assert_max_num_queries(8):
        assert len(downloaded(alice)) == 301


FILE = """email;first_name;last_name;workspace;permission_set
New@Acme.example;Ada;Example;production;analyst
new@acme.example;;;Lab;Analyst
p0@acme.example;;;Production;Analyst
nonsense;;;;

p1@acme.example;;;Nowhere;Analyst
p2@acme.example;;;Production;
"""


def test_a_file_is_looked_at_line_by_line_and_then_carried_out(acme, alice, crowd):
    acme.workspaces.create(company=acme, name="Lab")
    page = alice.post(IMPORT, {"content": FILE}).content.decode()
    for sentence in (
        "invites, gives Analyst in Production",
        "has an account, gives Analyst in Production",
        "This is no e-mail address.",
        "There is no workspace “Nowhere”.",
        "A right needs both",
        "3 lines have a mistake and would be left out",
    ):
        assert sentence in page
    assert User.objects.count() == 4
    done = alice.post(IMPORT, {"content": FILE, "confirmed": "1"}).content.decode()
    assert "1 person invited," in done
    assert "3 rights given." in done
    new = User.objects.get(email_key="new@acme.example")
    assert (new.first_name, new.status, new.memberships.count()) == ("Ada", "invited", 2)


def test_a_file_twice_changes_nothing_more(acme, alice, crowd):
    sent = {"content": "email,workspace,permission_set\nx@acme.example,Production,Analyst"}
    for _ in range(2):
        done = alice.post(IMPORT, {**sent, "confirmed": "1"}).content.decode()
    assert "0 people invited," in done or "0 person invited," in done
    assert Membership.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "Choose a file of at most 1 MB"),
        ("name\nAda", "must name the columns"),
        ("email\n", "no line below"),
        ("email\n" + "a@acme.example\n" * 1002, "more than 1000 lines"),
        ('email\n"a', "This is no CSV file"),
        ("email\n\0", "no text file"),
        ("x" * (1024 * 1024 + 1), "Choose a file of at most 1 MB"),
    ],
)
def test_a_file_that_is_no_list_of_people_says_why(alice, content, sentence):
    answer = alice.post(IMPORT, {"content": content})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_bad_cells_are_said_and_never_an_error(alice):
    content = "email,first_name\n" + "a@acme.example," + "x" * 200 + "\nb@acme.example,\x07\n,\n"
    page = alice.post(IMPORT, {"content": content, "confirmed": "1"}).content.decode()
    assert page.count("A name has at most 150 characters.") == 2


def test_members_may_not(acme, crowd):
    bob = Browser().enter(crowd[0])
    for address in (ASK, DO, IMPORT):
        assert bob.post(address, {"content": "email\nx@acme.example"}).status_code == 403
    assert bob.get(f"{PAGE}users.csv").status_code == 403


# Sessions.


def test_one_session_is_ended_and_the_others_stay(alice, crowd):
    for _ in range(2):
        session_of(crowd[0], now=datetime.now(UTC))
    first = Session.objects.filter(user=crowd[0]).first()
    answer = alice.post(f"{PAGE}{crowd[0].id}/end-session/", {"session": first.key_digest})
    assert answer.status_code == 302
    assert Session.objects.filter(user=crowd[0]).count() == 1
    assert AuditEvent.objects.filter(event="user:sessions_ended").exists()


def test_a_session_of_somebody_else_is_not_ended_through_another(alice, crowd):
    session_of(crowd[1], now=datetime.now(UTC))
    theirs = Session.objects.get(user=crowd[1])
    alice.post(f"{PAGE}{crowd[0].id}/end-session/", {"session": theirs.key_digest})
    assert Session.objects.filter(user=crowd[1]).exists()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Firefox, Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8", ""),
    ],
)
def test_a_browser_is_called_what_a_person_calls_it(agent, words):
    assert described(agent) == words


def test_a_download_that_is_sent_back_changes_no_name(acme, alice, crowd):
    names = {
        "p0@acme.example": "Ada;=HYPERLINK(1)",
        "p1@acme.example": "'-Ada, \"@x",
        "p2@acme.example": "O'Neil - =x",
        "+p@acme.example": "Ada",
    }
    make_user(acme, "+p@acme.example")
    for email, name in names.items():
        User.objects.filter(email_key=email).update(first_name=name)
    content = b"".join(alice.get(f"{PAGE}users.csv").streaming_content)
    read = {one.email: one.first_name for one in read_people(acme, content)}
    assert {email: read[email] for email in names} == names
    assert "Ada;'=HYPERLINK(1)" in content.decode()


def test_what_would_be_refused_is_said_when_it_is_looked_at(acme, alice, crowd):
    admin = acme.users.get(is_administrator=True)
    for verb in ("suspend", "remove"):
        answer = alice.post(ASK, {"verb": verb, "user": [str(admin.id), str(crowd[0].id)]})
        assert answer.status_code == 422
        assert "no active administrator would be left" in answer.content.decode()
    admin.refresh_from_db()
    crowd[0].refresh_from_db()
    assert (admin.status, crowd[0].status) == ("active", "active")


def test_an_address_that_has_an_account_leads_to_it(acme, alice, crowd):
    answer = alice.post("/settings/users/invite/", {"email": crowd[0].email.upper()})
    assert answer.status_code == 422
    assert f'href="/settings/users/{crowd[0].id}/"' in answer.content.decode()


def test_others_write_between_the_lines_of_a_long_file(acme, alice, monkeypatch):
    """One transaction for a few lines; between two of them the lock of the company is free."""
    monkeypatch.setattr("passerelle.web.people.user_import.AT_ONCE", 2)
    written = []

    def counted(company, lines, who):
        written.append([line.email for line in lines])
        assert connection.in_atomic_block
        return import_people(company, lines, who)

    monkeypatch.setattr("passerelle.web.people.user_import.import_people", counted)
    content = "email\n" + "\n".join(f"n{number}@acme.example" for number in range(5))
    done = alice.post(IMPORT, {"content": content, "confirmed": "1"}).content.decode()
    assert "5 people invited," in done
    assert [len(lines) for lines in written] == [2, 2, 1]
