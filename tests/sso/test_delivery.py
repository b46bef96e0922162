"""Security events delivered once a day, to a real receiver with TLS."""

import csv
import hashlib
import hmac
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from passerelle.audit.chain import seal
from passerelle.audit.heads import compare, read_heads
from passerelle.audit.models import AuditEvent
from passerelle.infra import fetch
from passerelle.infra.clock import Clock
from passerelle.sso.models import EventDelivery, SignIn
from passerelle.sso.outbox import event_delivery
from passerelle.sso.outbox.event_delivery import deliver_all, midnight
from passerelle.web.settings import delivery as delivery_page
from tests.browsing import Browser
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/delivery/"
SECRET = "a secret of the receiver"
TODAY = datetime(2031, 3, 5, 9, 30, tzinfo=UTC)


is_outside = fetch._is_outside


@pytest.fixture(autouse=True)
def receivers_are_public(monkeypatch):
    """The receiver of these tests is on loopback."""
    monkeypatch.setattr(fetch, "_is_outside", lambda *_: True)


def save(alice: Browser, web, kind: str = "webhook", **changes: str):
    fields = {"url": web.url("/hook" if kind == "webhook" else ""), "secret": SECRET}
    if kind == "bucket":
        fields |= {"bucket": "audit", "access_key": "AKIA", "region": "eu-west-3"}
    fields |= changes
    return alice.post(f"{PAGE}{kind}/", {f"{kind}-{name}": value for name, value in fields.items()})


def start_at(moment: datetime) -> None:
    EventDelivery.objects.update(sent_until=midnight(moment), due_at=midnight(moment))


def happen(acme, moment: datetime, count: int = 1) -> None:
    SignIn.objects.bulk_create(
        SignIn(
            company=acme,
            reference="AAA-AAA",
            time=moment + timedelta(milliseconds=number),
            outcome="refused",
            reason="expired",
            email=f"p{number}@acme.example",
            checks=[],
        )
        for number in range(count)
    )


def lines(web) -> list[dict]:
    return [json.loads(one) for sent in web.taken for one in sent[3].decode().splitlines()]


def test_a_webhook_gets_the_events_of_yesterday_signed(acme, alice, web):
    web.answers["/hook"] = (204, b"")
    assert save(alice, web).status_code == 302
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1))
    happen(acme, TODAY)
    assert deliver_all(TODAY) == 1
    [(method, path, headers, body)] = web.taken
    assert (method, path, headers["Content-Type"]) == ("POST", "/hook", "application/x-ndjson")
    stamp, signature = (one.split("=")[1] for one in headers["Passerelle-Signature"].split(","))
    wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert signature == wanted
    [event] = lines(web)
    assert (event["event"], event["reason"], event["company"]) == (
        "sign_in:refused",
        "expired",
        "acme",
    )
    assert event["id"] == str(SignIn.objects.order_by("time").first().id)
    # By the time of sending, so that a receiver can refuse what somebody sends again later.
    assert int(stamp) == int(TODAY.timestamp())


def test_what_was_taken_is_not_sent_again_and_nothing_is_left_out(acme, alice, web):
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1))
    web.answers["/hook"] = (500, b"")
    assert deliver_all(TODAY) == 0
    row = EventDelivery.objects.get()
    assert row.problem.startswith("fetch_status")
    assert deliver_all(TODAY) == 0
    assert len(web.taken) == 1
    web.answers["/hook"] = (200, b"")
    web.taken.clear()
    happen(acme, TODAY)
    tomorrow = TODAY + timedelta(days=1)
    assert deliver_all(tomorrow) == 1
    assert len(lines(web)) == 2
    assert deliver_all(tomorrow) == 0
    row.refresh_from_db()
    assert (row.problem, row.tries, row.sent_until) == ("", 0, midnight(tomorrow))


def test_what_a_slow_request_writes_after_midnight_is_not_missed(acme, alice, web):
    web.answers["/hook"] = (200, b"")
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    night = midnight(TODAY)
    assert deliver_all(night + timedelta(minutes=14)) == 1
    assert lines(web) == []
    happen(acme, night - timedelta(seconds=1))
    assert deliver_all(night + timedelta(minutes=14)) == 0
    assert deliver_all(night + timedelta(minutes=15)) == 1
    assert len(lines(web)) == 1


def test_after_a_failure_in_the_middle_only_the_last_may_come_twice(acme, alice, web):
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1), 1500)
    web.answers["/hook"] = (200, b"")
    web.first["/hook"] = [200, 500]
    assert deliver_all(TODAY) == 0
    assert deliver_all(TODAY + timedelta(minutes=2)) == 1
    seen = [one["id"] for one in lines(web)]
    taken = seen[:1000] + seen[1500:]
    assert len(set(taken)) == 1500
    assert len(taken) == 1501


def test_one_receiver_that_breaks_holds_up_no_other(acme, alice, web):
    web.answers["/hook"] = (200, b"")
    save(alice, web, "bucket")
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    EventDelivery.objects.filter(kind="bucket").update(
        sealed_secret="unreadable", due_at=midnight(TODAY - timedelta(days=2))
    )
    assert deliver_all(TODAY) == 1
    assert EventDelivery.objects.get(kind="bucket").problem


def test_a_mended_receiver_is_tried_at_once(alice, web):
    save(alice, web)
    later = datetime.now(UTC) + timedelta(hours=5)
    EventDelivery.objects.update(problem="fetch_status: 500", tries=5, due_at=later)
    save(alice, web)
    assert EventDelivery.objects.get().due_at <= datetime.now(UTC)
    save(alice, web, secret="another")
    assert EventDelivery.objects.get().due_at <= datetime.now(UTC)


def test_saving_does_not_set_back_how_far_it_has_come(acme, alice, web, monkeypatch):
    save(alice, web)
    sealed = delivery_page.sealed_secret

    def meanwhile(row, secret):
        EventDelivery.objects.update(sent_until=TODAY)
        return sealed(row, secret)

    monkeypatch.setattr(delivery_page, "sealed_secret", meanwhile)
    save(alice, web)
    assert EventDelivery.objects.get().sent_until == TODAY


def test_a_test_file_stands_beside_those_of_the_days(alice, web):
    save(alice, web, "bucket")
    alice.post(f"{PAGE}bucket/test/")
    assert web.taken[0][1].startswith("/audit/passerelle-test-")


def test_a_spreadsheet_takes_no_cell_of_a_file_for_a_formula(acme, alice, web):
    save(alice, web, "bucket")
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1))
    SignIn.objects.update(email="=1+1@acme.example")
    deliver_all(TODAY)
    assert b",'=1+1@acme.example," in web.taken[0][3]


def test_many_events_go_in_several_requests(acme, alice, web):
    web.answers["/hook"] = (200, b"")
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1), 2500)
    deliver_all(TODAY)
    assert [sent[3].count(b"\n") for sent in web.taken] == [1000, 1000, 500]


@pytest.mark.parametrize("kind", ["webhook", "bucket"])
def test_the_head_of_the_audit_log_goes_with_the_events_and_proves_its_end(acme, alice, web, kind):
    save(alice, web, kind)
    seal()
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1), 3)
    web.answers["/hook"] = web.answers["/audit/security-events-2031-03-04.csv"] = (200, b"")
    assert deliver_all(TODAY) == 1
    [(_method, _path, _headers, body)] = web.taken
    assert [one.sequence for one in read_heads(body.decode())] == [
        AuditEvent.objects.filter(company=acme).count()
    ]
    assert compare(read_heads(body.decode())) == []
    # The next day begins where this one ended.
    assert EventDelivery.objects.get().sent_until == midnight(TODAY)


def test_a_day_without_events_sends_no_head_either(acme, alice, web):
    save(alice, web)
    seal()
    start_at(TODAY - timedelta(days=1))
    assert deliver_all(TODAY) == 1
    assert web.taken == []


def test_a_bucket_gets_a_file_a_day_signed_as_s3_wants_it(acme, alice, web):
    path = "/audit/logs/2031/security-events-2031-03-04.csv"
    web.answers[path] = (200, b"")
    assert save(alice, web, "bucket", folder="logs/2031").status_code == 302
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1), 3)
    assert deliver_all(TODAY) == 1
    [(method, sent_to, headers, body)] = web.taken
    assert (method, sent_to) == ("PUT", path)
    assert len(list(csv.DictReader(io.StringIO(body.decode())))) == 3
    assert headers["Authorization"].endswith(signature_v4(path, headers, body))


def signature_v4(path: str, headers: dict[str, str], body: bytes) -> str:
    """AWS Signature Version 4, from its specification: what the receiver computes."""
    given = {name.lower(): value for name, value in headers.items()}
    names = given["authorization"].split("SignedHeaders=")[1].split(",")[0]
    stamp, day = given["x-amz-date"], given["x-amz-date"][:8]
    lower = "".join(f"{name}:{given[name]}\n" for name in names.split(";"))
    payload = given["x-amz-content-sha256"]
    assert payload in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest())
    asked = "\n".join(["PUT", path, "", lower, names, payload])
    scope = f"{day}/eu-west-3/s3/aws4_request"
    hashed = hashlib.sha256(asked.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashed])
    key = f"AWS4{SECRET}".encode()
    for part in (day, "eu-west-3", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return "Signature=" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def test_a_test_is_sent_at_once_and_says_what_came_of_it(alice, web):
    web.answers["/hook"] = (200, b"")
    save(alice, web)
    assert alice.post(f"{PAGE}webhook/test/")["Location"].endswith("done=tested")
    assert lines(web)[0]["event"] == "delivery:tested"
    web.answers["/hook"] = (403, b"")
    failed = alice.post(f"{PAGE}webhook/test/")
    assert failed.status_code == 422
    assert "did not take it: Expected status 200, received 403" in failed.content.decode()


def test_the_secret_is_sealed_kept_when_left_empty_and_never_shown(acme, alice, web):
    save(alice, web)
    row = EventDelivery.objects.get()
    assert SECRET not in row.sealed_secret
    save(alice, web, secret="", url=web.url("/other"))
    changed = EventDelivery.objects.get()
    assert (changed.sealed_secret, changed.url) == (row.sealed_secret, web.url("/other"))
    assert SECRET not in alice.get(PAGE).content.decode()
    recorded = AuditEvent.objects.filter(event="security_settings:delivery_changed")
    assert all(SECRET not in str(one.details) for one in recorded)


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("webhook", {"url": "http://x.example"}, "starts with https://"),
        ("webhook", {"url": ""}, "starts with https://"),
        ("webhook", {"secret": ""}, "Enter the secret"),
        ("bucket", {"bucket": ""}, "This is needed for a bucket."),
        ("bucket", {"access_key": ""}, "This is needed for a bucket."),
        ("bucket", {"bucket": "a b"}, "letters, digits"),
        ("bucket", {"folder": "../other"}, "letters, digits"),
        ("bucket", {"folder": "a?b"}, "letters, digits"),
        ("bucket", {"url": "https://x.example/?a=b"}, "starts with https://"),
    ],
)
def test_what_is_missing_is_said_beside_its_field(alice, web, kind, changes, sentence):
    answer = save(alice, web, kind, **changes)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not EventDelivery.objects.exists()


@pytest.mark.parametrize("kind", ["webhook", "bucket"])
def test_an_inner_address_is_not_reached_even_where_metadata_may_come_from(
    acme, alice, web, kind, monkeypatch
):
    """The operator's own networks are open to metadata, which is read and changes nothing there."""
    monkeypatch.setattr(fetch, "_is_outside", is_outside)
    save(alice, web, kind)
    answer = alice.post(f"{PAGE}{kind}/test/")
    assert answer.status_code == 422
    assert "sent to public addresses only" in answer.content.decode()
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1))
    deliver_all(TODAY)
    assert EventDelivery.objects.get().problem.startswith("delivery_unreachable")
    assert web.taken == []


def test_a_receiver_is_removed(alice, web):
    save(alice, web)
    alice.post(f"{PAGE}webhook/", {"remove": "1"})
    assert not EventDelivery.objects.exists()


def test_members_may_not_and_companies_have_their_own(acme, alice, web):
    save(alice, web)
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    assert member.get(PAGE).status_code == 403
    assert member.post(f"{PAGE}webhook/test/").status_code == 403
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert web.url("/hook") not in mallory.get(PAGE).content.decode()
    mallory.post(f"{PAGE}webhook/", {"remove": "1"})
    assert EventDelivery.objects.count() == 1


def test_a_delivery_that_takes_long_keeps_its_claim_and_signs_with_its_time(
    acme, alice, web, monkeypatch
):
    web.answers["/hook"] = (200, b"")
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1), 2500)

    class Slow(Clock):
        """Ten minutes pass between two looks at it."""

        looks = 0

        def now(self) -> datetime:
            self.looks += 1
            return self._now + timedelta(minutes=10 * self.looks)

    monkeypatch.setattr(event_delivery, "Clock", Slow)
    # Each of the three requests takes more than a pass has for one receiver.
    passes = [deliver_all(TODAY + timedelta(hours=2 * number)) for number in range(3)]
    assert passes == [0, 0, 1]
    stamps = [int(one[2]["Passerelle-Signature"].split(",")[0][2:]) for one in web.taken]
    assert stamps == sorted(set(stamps))
    # Where one request ends and the next begins, the last event may come twice.
    assert len({one["id"] for one in lines(web)}) == 2500


def test_a_delivery_that_somebody_else_has_is_left_to_them(acme, alice, web, monkeypatch):
    web.answers["/hook"] = (200, b"")
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1), 2500)
    post = event_delivery._post

    def losing(row, batch, now, **keywords):
        post(row, batch, now, **keywords)
        EventDelivery.objects.update(due_at=TODAY + timedelta(days=9))

    monkeypatch.setattr(event_delivery, "_post", losing)
    assert deliver_all(TODAY) == 0
    assert len(web.taken) == 1
    assert EventDelivery.objects.get().due_at == TODAY + timedelta(days=9)


def test_a_webhook_has_a_secret_that_nobody_guesses(acme):
    alice = Browser().enter(make_administrator(acme))
    sent = {"webhook-url": "https://siem.example/", "webhook-secret": "hush"}
    answer = alice.post(f"{PAGE}webhook/", sent)
    assert answer.status_code == 422
    assert "Enter at least 16 characters" in answer.content.decode()
    assert not EventDelivery.objects.exists()


def test_a_test_that_fails_says_why_in_a_sentence(acme):
    alice = Browser().enter(make_administrator(acme))
    sent = {"webhook-url": "https://nowhere.invalid/", "webhook-secret": SECRET}
    assert alice.post(f"{PAGE}webhook/", sent).status_code == 302
    page = alice.post(f"{PAGE}webhook/test/").content.decode()
    assert "“nowhere.invalid” is not known here" in page
    assert "fetch_unreachable" not in page


def test_a_receiver_that_is_changed_meanwhile_gets_the_events_and_the_old_one_no_more(
    acme, alice, web, monkeypatch
):
    save(alice, web)
    start_at(TODAY - timedelta(days=1))
    happen(acme, TODAY - timedelta(days=1), count=3)
    monkeypatch.setattr(event_delivery, "BATCH", 1)
    web.answers |= {"/hook": (200, b""), "/new": (200, b"")}
    real = event_delivery.fetch

    def meanwhile(url: str, **how):
        answer = real(url, **how)
        if url.endswith("/hook"):
            save(alice, web, url=web.url("/new"))
        return answer

    monkeypatch.setattr(event_delivery, "fetch", meanwhile)
    assert deliver_all(TODAY) == 0
    EventDelivery.objects.update(due_at=TODAY)
    assert deliver_all(TODAY) == 1
    assert [path for _method, path, *_ in web.taken] == ["/hook", "/new", "/new", "/new"]
    assert len({one["id"] for one in lines(web)}) == 3


def test_saving_moves_nothing_back_that_was_sent(acme, alice, web):
    web.answers["/hook"] = (200, b"")
    save(alice, web)
    just_after_midnight = midnight(TODAY) + timedelta(minutes=5)
    EventDelivery.objects.update(sent_until=midnight(TODAY), due_at=just_after_midnight)
    happen(acme, TODAY - timedelta(hours=20))
    assert deliver_all(just_after_midnight) == 1
    assert EventDelivery.objects.get().sent_until == midnight(TODAY)


def test_the_audit_log_tells_where_events_go_but_no_secret_of_the_address(acme, alice, web):
    save(alice, web, url=web.url("/hook?token=hush"))
    save(alice, web, kind="bucket", folder="here")
    save(alice, web, kind="bucket", folder="there", bucket="other")
    rows = AuditEvent.objects.filter(event="security_settings:delivery_changed").order_by("id")
    first, _second, third = (one.details for one in rows)
    assert "hush" not in json.dumps(first)
    assert first["url"][1].startswith(web.url("/…"))
    assert third == {
        "bucket": ["audit", "other"],
        "folder": ["here", "there"],
        "secret_changed": True,
    }
