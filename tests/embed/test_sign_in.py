"""A sign-in inside another program: who arrives, and who is refused."""

import base64
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from passerelle import saml
from passerelle.embed import Arrived, Begun, MemoryStore, Refused, SignIn
from passerelle.practice_idp.faults import FAULTS
from passerelle.practice_idp.people import Person
from passerelle.saml.names import NAME_ID_EMAIL
from tests.embed.provider import answer_to, idp_metadata
from tests.world import GRACE, NOW, idp_of

BASE = "https://app.acme.example/saml"


@pytest.fixture
def sign_in() -> SignIn:
    return SignIn(idp_metadata(), base_url=BASE, store=MemoryStore())


def request_of(begun: Begun) -> str:
    sent = parse_qs(urlsplit(begun.address).query)["SAMLRequest"][0]
    return etree.fromstring(zlib.decompress(base64.b64decode(sent), -15)).get("ID") or ""


def code_in(address: str) -> str:
    assert address.startswith(f"{BASE}/finish?")
    return parse_qs(urlsplit(address).query)["code"][0]


def arrive(sign_in: SignIn, *, next_path: str = "/reports?a=b", **said: object) -> Arrived:
    begun = sign_in.begin(next_path=next_path, now=NOW)
    field = answer_to(request_of(begun), base_url=BASE, now=NOW, **said)
    code = code_in(sign_in.receive(field, now=NOW))
    return sign_in.finish(code, begun.cookie, now=NOW)


def refused(act) -> str:
    with pytest.raises(Refused) as raised:
        act()
    assert str(raised.value)
    return raised.value.reason


def test_who_signs_in_arrives_where_they_wanted_with_what_was_said_of_them(sign_in):
    arrived = arrive(sign_in)
    assert arrived.next_path == "/reports?a=b"
    assert arrived.person.idp == idp_of("acme")
    assert (arrived.person.subject, arrived.person.email) == (GRACE.subject, GRACE.email)
    assert (arrived.person.first_name, arrived.person.last_name) == ("Grace", "Example")
    assert arrived.person.groups == ("analysts",)
    assert arrived.person.attributes["email"] == (GRACE.email,)


def test_an_address_as_name_id_is_one_person_however_it_is_spelt(sign_in):
    [one, two] = [
        arrive(sign_in, name_id=name, name_id_format=NAME_ID_EMAIL).person.subject
        for name in ("Grace@Acme.example", "grace@acme.example")
    ]
    assert one == two


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.slug not in ("replayed",)])
def test_what_the_service_refuses_is_refused_here_for_the_same_reason(sign_in, fault):
    by_accounts = {"email_missing", "email_invalid"}
    if fault.reason in by_accounts:
        # Whether somebody needs an address is the program's to say.
        assert arrive(sign_in, fault=fault.slug).person.email is None
    else:
        assert refused(lambda: arrive(sign_in, fault=fault.slug)) == fault.reason


def test_a_response_is_used_once_and_so_is_a_code(sign_in):
    begun = sign_in.begin(now=NOW)
    field = answer_to(request_of(begun), base_url=BASE, now=NOW)
    code = code_in(sign_in.receive(field, now=NOW))
    assert refused(lambda: sign_in.receive(field, now=NOW)) == "assertion_replayed"
    sign_in.finish(code, begun.cookie, now=NOW)
    assert refused(lambda: sign_in.finish(code, begun.cookie, now=NOW)) == "request_unknown"


def test_another_browser_does_not_get_in(sign_in):
    begun, other = sign_in.begin(now=NOW), sign_in.begin(now=NOW)
    for cookie in ("", other.cookie):
        request = request_of(sign_in.begin(cookie=begun.cookie, now=NOW))
        code = code_in(sign_in.receive(answer_to(request, base_url=BASE, now=NOW), now=NOW))
        finish = lambda code=code, cookie=cookie: sign_in.finish(code, cookie, now=NOW)  # noqa: E731
        assert refused(finish) == "browser_mismatch"


def test_two_tabs_of_one_browser_both_arrive(sign_in):
    first = sign_in.begin(next_path="/a", now=NOW)
    second = sign_in.begin(next_path="/b", cookie=first.cookie, now=NOW)
    for begun, path in ((first, "/a"), (second, "/b")):
        field = answer_to(request_of(begun), base_url=BASE, now=NOW)
        code = code_in(sign_in.receive(field, now=NOW))
        assert sign_in.finish(code, second.cookie, now=NOW).next_path == path


def test_what_nobody_asked_for_is_refused(sign_in):
    unasked = answer_to(None, base_url=BASE, now=NOW)
    assert refused(lambda: sign_in.receive(unasked, now=NOW)) == "unsolicited_refused"
    strange = answer_to("_of-nobody", base_url=BASE, now=NOW)
    assert refused(lambda: sign_in.receive(strange, now=NOW)) == "request_unknown"
    assert refused(lambda: sign_in.receive("%%%", now=NOW)) == "malformed_message"
    assert refused(lambda: sign_in.finish("", "", now=NOW)) == "request_unknown"


def test_each_step_has_its_time(sign_in):
    begun = sign_in.begin(now=NOW)
    late = NOW + timedelta(minutes=15)
    field = answer_to(request_of(begun), base_url=BASE, now=late)
    assert refused(lambda: sign_in.receive(field, now=late)) == "request_unknown"
    begun = sign_in.begin(now=NOW)
    code = code_in(sign_in.receive(answer_to(request_of(begun), base_url=BASE, now=NOW), now=NOW))
    finish = lambda: sign_in.finish(code, begun.cookie, now=NOW + timedelta(seconds=60))  # noqa: E731
    assert refused(finish) == "request_unknown"


def test_an_assertion_that_would_have_to_be_remembered_for_weeks_is_refused(sign_in):
    reason = refused(lambda: arrive(sign_in, lifetime=timedelta(days=30)))
    assert reason == "not_yet_valid"


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb", "\0"],
)
def test_nobody_is_led_to_another_site(sign_in, path):
    assert arrive(sign_in, next_path=path).next_path == "/"


def test_of_many_that_take_at_once_one_gets_it():
    store = MemoryStore()
    store.put("a", "value", until=NOW + timedelta(seconds=1), now=NOW)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: store.take("a", now=NOW), range(200)))
    assert [one for one in taken if one] == ["value"]


def test_memory_is_bounded_and_forgets_the_oldest(monkeypatch):
    monkeypatch.setattr(MemoryStore, "MOST", 10)
    store = MemoryStore()
    for number in range(25):
        store.put(str(number), "x", until=NOW + timedelta(seconds=1), now=NOW)
    assert store.take("24", now=NOW) == "x"
    assert store.take("0", now=NOW) is None


def test_our_metadata_says_where_answers_go(sign_in):
    document = sign_in.metadata().decode()
    assert f'Location="{BASE}/acs"' in document
    assert f'entityID="{BASE}/metadata"' in document


def test_metadata_that_is_none_is_refused_at_the_start():
    with pytest.raises(saml.SAMLError):
        SignIn(b"<html/>", base_url=BASE, store=MemoryStore())


def test_a_person_without_an_address_arrives_too(sign_in):
    nobody = Person("u-9", "", "", "")
    assert arrive(sign_in, person=nobody, attributes={"x": ("y",)}).person.email is None
