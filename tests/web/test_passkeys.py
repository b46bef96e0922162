"""Passkeys: made, used, and every way of cheating with them, by an authenticator of software."""

import hashlib
import json
import re
import struct
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings as django_settings
from django.db import OperationalError
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

from passerelle.audit.models import AuditEvent
from passerelle.directory.links import reset_path
from passerelle.directory.models import Company, User
from passerelle.sso.models import Letter, Passkey, PasskeyChallenge, Session, SignIn
from passerelle.sso.outbox.letters import send_letters
from passerelle.sso.sign_in.passkeys import WrongPasskey, register
from tests.browsing import Browser
from tests.web.test_passwords import PASSWORD, change, enter, with_password
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
ORIGIN = "http://localhost:8000"
DOOR = "/login/acme/passkey/"


class Authenticator:
    """One resident key (WebAuthn §6), with switches for what it may get wrong."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.handle, self.counter = b"credential-id-of-a-device", b"", 0

    def _data(self, *, host: str, verified: bool, attested: bytes = b"") -> bytes:
        self.counter += 1
        flags = 0x01 | (0x04 if verified else 0) | (0x40 if attested else 0)
        name = hashlib.sha256(host.encode()).digest()
        return name + bytes([flags]) + struct.pack(">I", self.counter) + attested

    def make(self, options: dict, *, origin: str = ORIGIN, verified: bool = True) -> str:
        public = options["publicKey"]
        self.handle = websafe_decode(public["user"]["id"])
        cose = cbor.encode(ES256.from_cryptography_key(self.key.public_key()))
        attested = b"\0" * 16 + struct.pack(">H", len(self.id)) + self.id + cose
        data = self._data(host="localhost", verified=verified, attested=attested)
        client = _client("webauthn.create", public["challenge"], origin)
        response = {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(
                cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
            ),
        }
        return self._answer(response)

    def use(
        self,
        options: dict,
        *,
        origin: str = ORIGIN,
        host: str = "localhost",
        verified: bool = True,
        handle: bytes | None = None,
        kind: str = "webauthn.get",
    ) -> str:
        data = self._data(host=host, verified=verified)
        client = _client(kind, options["publicKey"]["challenge"], origin)
        signed = data + hashlib.sha256(client).digest()
        response = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": websafe_encode(self.handle if handle is None else handle),
        }
        return self._answer(response)

    def _answer(self, response: dict) -> str:
        identifier = websafe_encode(self.id)
        return json.dumps(
            {
                "id": identifier,
                "rawId": identifier,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )


def _client(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin}).encode()


@pytest.fixture(autouse=True)
def named(settings):
    """Browsers make passkeys for names only."""
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"base_url": ORIGIN, "demo": False})


@pytest.fixture
def acme() -> Company:
    return make_company()


@pytest.fixture
def bob(acme) -> User:
    return with_password(make_user(acme, "bob@acme.example"))


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
def kept(bob, device) -> Authenticator:
    """A device whose passkey Bob has added."""
    browser = Browser().enter(bob)
    answer = browser.post(
        "/account/passkeys/keep/",
        {"response": device.make(options_in(browser.post("/account/passkeys/"))), "name": "Phone"},
    )
    assert answer["Location"].endswith("done=passkey")
    return device


def options_in(answer) -> dict:
    found = re.search(r'data-options="([^"]+)"', answer.content.decode())
    assert found, answer.content.decode()
    return json.loads(unescape(found[1]))


def use(browser: Browser, device: Authenticator, door: str = DOOR, **cheat):
    options = options_in(browser.post(door))
    return browser.post(door, {"response": device.use(options, **cheat)})


def is_in(browser: Browser) -> bool:
    key = browser.cookies.get(django_settings.SESSION_COOKIE)
    return bool(key and key.value) and browser.get("/account/").status_code == 200


def test_a_passkey_lets_its_owner_in(bob, kept):
    assert "Sign in with a passkey" in Browser().get("/login/acme/").content.decode()
    browser = Browser()
    assert use(browser, kept).status_code == 302
    assert is_in(browser)
    assert Session.objects.get(user=bob, address="127.0.0.1").confirmed_at
    assert SignIn.objects.get().checks[0]["check"] == "passkey"
    assert Passkey.objects.get().last_used_at


def test_the_sign_in_page_offers_passkeys_as_long_as_there_are_any_in_one_query(
    bob, kept, django_assert_num_queries
):
    assert "Sign in with a passkey" in Browser().get("/login/acme/").content.decode()
    with django_assert_num_queries(1):
        assert "Sign in with a passkey" in Browser().get("/login/acme/").content.decode()
    Passkey.objects.all().delete()
    assert "Sign in with a passkey" not in Browser().get("/login/acme/").content.decode()


def test_it_needs_no_second_factor(acme, bob, kept):
    change(acme, two_factor="required")
    browser = Browser()
    use(browser, kept)
    assert is_in(browser)


@pytest.mark.parametrize(
    "cheat",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:9"},
        {"host": "evil.example"},
        {"verified": False},
        {"handle": b"another user"},
        {"kind": "webauthn.create"},
    ],
)
def test_what_does_not_hold_lets_nobody_in(bob, kept, cheat):
    browser = Browser()
    answer = use(browser, kept, **cheat)
    assert answer.status_code == 422
    assert "belongs to no account" in answer.content.decode()
    assert not is_in(browser)


def test_a_database_that_is_away_is_not_called_a_wrong_passkey(bob, kept, monkeypatch):
    def away(_user):
        raise OperationalError

    monkeypatch.setattr("passerelle.sso.sign_in.passkeys.may_have", away)
    assert use(Browser(raise_request_exception=False), kept).status_code == 503


def test_an_answer_counts_once_in_its_browser_and_in_time(bob, kept):
    browser, thief = Browser(), Browser()
    response = kept.use(options_in(browser.post(DOOR)))
    thief.post(DOOR)
    assert thief.post(DOOR, {"response": response}).status_code == 422
    assert browser.post(DOOR, {"response": response}).status_code == 302
    browser.post("/logout/")
    assert browser.post(DOOR, {"response": response}).status_code == 422
    late = Browser()
    response = kept.use(options_in(late.post(DOOR)))
    PasskeyChallenge.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert late.post(DOOR, {"response": response}).status_code == 422


def test_a_copy_is_noticed_by_its_counter(bob, kept):
    use(Browser(), kept)
    kept.counter = 0
    assert use(Browser(), kept).status_code == 422


def test_a_device_that_counted_once_does_not_stop(bob, kept):
    use(Browser(), kept)
    kept.counter = -1
    assert use(Browser(), kept).status_code == 422


def test_who_has_no_password_has_no_passkey_either(bob, kept):
    """Whom the identity provider lets go keeps no way in."""
    User.objects.update(password="!")
    assert use(Browser(), kept).status_code == 422
    browser = Browser().enter(bob)
    assert browser.post("/account/passkeys/").status_code == 404
    assert browser.post("/account/passkeys/keep/", {"response": "{}"}).status_code == 404


def test_an_identifier_that_is_too_long_is_not_kept(bob, device):
    device.id = b"x" * 1024
    browser = Browser().enter(bob)
    response = device.make(options_in(browser.post("/account/passkeys/")))
    browser.post("/account/passkeys/keep/", {"response": response})
    assert not Passkey.objects.exists()


@pytest.fixture
def mailed(settings):
    mail = {"email_url": "smtp://mail.example"}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=mail)


def test_its_owner_is_told(bob, mailed, kept, mailoutbox):
    letter = Letter.objects.get(kind="passkey_added")
    assert (letter.to, letter.values["name"]) == ("bob@acme.example", "Phone")
    send_letters(datetime.now(UTC))
    assert "Phone" in mailoutbox[0].body


def test_an_administrator_takes_it_away_with_the_second_factor(acme, bob, kept):
    alice = Browser().enter(make_administrator(acme))
    page = alice.get(f"/settings/users/{bob.id}/").content.decode()
    assert "passkeys away" in page
    alice.post(f"/settings/users/{bob.id}/change/reset-factor/")
    assert use(Browser(), kept).status_code == 422


def test_who_begins_and_never_finishes_is_stopped_and_who_finishes_is_not(bob, kept, monkeypatch):
    monkeypatch.setattr("passerelle.sso.records.failures.MAX_BEGUN", 2)
    for _ in range(4):
        assert use(Browser(), kept).status_code == 302
    assert [Browser().post(DOOR).status_code for _ in range(3)] == [200, 200, 429]


def test_another_key_under_the_same_name_opens_nothing(bob, kept):
    stranger = Authenticator()
    stranger.handle = kept.handle
    assert use(Browser(), stranger).status_code == 422


def test_a_passkey_of_one_company_is_none_in_another(bob, kept):
    make_company("globex")
    assert use(Browser(), kept, door="/login/globex/passkey/").status_code == 422


@pytest.mark.parametrize(
    "changes",
    [{"status": "suspended"}, {"status": "pending"}],
)
def test_only_active_people_enter(bob, kept, changes):
    User.objects.update(**changes)
    assert use(Browser(), kept).status_code == 422


def test_it_is_no_way_around_single_sign_on_alone_or_the_networks(acme, bob, kept):
    change(acme, sso_enforcement="everyone")
    assert use(Browser(), kept).status_code == 403
    change(acme, sso_enforcement="off", ip_allowlist=["10.0.0.0/8"])
    assert use(Browser(), kept).status_code == 403
    assert not Session.objects.filter(address="127.0.0.1").exists()


@pytest.mark.parametrize("response", ["", "{}", "null", "[]", "\0", "x" * 60_000, '{"rawId": 1}'])
def test_bad_input_is_refused_with_a_sentence(bob, kept, response):
    browser = Browser()
    browser.post(DOOR)
    assert browser.post(DOOR, {"response": response}).status_code == 422
    member = Browser().enter(bob)
    member.post("/account/passkeys/")
    done = member.post("/account/passkeys/keep/", {"response": response})
    assert done["Location"].endswith("done=passkey-wrong")


@pytest.mark.parametrize("cheat", [{"origin": "https://evil.example"}, {"verified": False}])
def test_a_passkey_made_elsewhere_or_unlocked_by_nobody_is_not_kept(bob, device, cheat):
    browser = Browser().enter(bob)
    response = device.make(options_in(browser.post("/account/passkeys/")), **cheat)
    browser.post("/account/passkeys/keep/", {"response": response})
    assert not Passkey.objects.exists()


def test_the_same_passkey_is_not_added_twice_nor_to_somebody_else(acme, bob, kept):
    eve = Browser().enter(with_password(make_user(acme, "eve@acme.example")))
    response = kept.make(options_in(eve.post("/account/passkeys/")))
    eve.post("/account/passkeys/keep/", {"response": response})
    assert Passkey.objects.get().user == bob


def test_adding_asks_who_it_is_when_that_was_long_ago(bob):
    browser = Browser().enter(bob)
    Session.objects.update(confirmed_at=None)
    assert browser.post("/account/passkeys/").status_code == 403


def test_it_is_removed_by_its_owner_only(acme, bob, kept):
    row = Passkey.objects.get()
    eve = Browser().enter(make_user(acme, "eve@acme.example"))
    eve.post(f"/account/passkeys/{row.id}/remove/")
    assert Passkey.objects.exists()
    Browser().enter(bob).post(f"/account/passkeys/{row.id}/remove/")
    assert not Passkey.objects.exists()
    names = [one.event for one in AuditEvent.objects.filter(event__contains="passkey")]
    assert names == ["user:passkey_added", "user:passkey_removed"]


def test_at_an_address_of_numbers_there_are_none(bob, kept, settings):
    numbers = {"base_url": "http://127.0.0.1:8000", "demo": False}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=numbers)
    assert "passkey" not in Browser().get("/login/acme/").content.decode()
    assert Browser().post(DOOR).status_code == 404


def removed() -> list[dict]:
    events = AuditEvent.objects.filter(event="user:passkey_removed")
    return [one.details for one in events]


def test_a_new_password_by_mail_ends_the_passkeys_and_says_so(bob, mailed, kept, mailoutbox):
    path, browser = reset_path(bob), Browser()
    assert "Your passkeys are removed as well" in browser.get(path).content.decode()
    assert browser.post(path, {"password": "quite another passphrase"}).status_code == 302
    assert use(Browser(), kept).status_code == 422
    assert removed() == [{"name": "Phone"}]
    send_letters(datetime.now(UTC))
    [changed] = [one for one in mailoutbox if "was changed" in one.subject]
    assert "Your passkeys were removed as well" in changed.body


def test_a_new_password_by_mail_says_nothing_of_passkeys_where_there_are_none(
    bob, mailed, mailoutbox
):
    path = reset_path(bob)
    assert "passkey" not in Browser().get(path).content.decode()
    Browser().post(path, {"password": "quite another passphrase"})
    send_letters(datetime.now(UTC))
    assert "passkey" not in mailoutbox[-1].body


def test_a_passkey_that_is_being_added_meanwhile_is_not_kept(bob, device):
    browser = Browser().enter(bob)
    response = device.make(options_in(browser.post("/account/passkeys/")))
    Browser().post(reset_path(bob), {"password": "quite another passphrase"})
    with pytest.raises(WrongPasskey):
        register(
            bob,
            browser.cookies[django_settings.PASSKEY_COOKIE].value,
            response,
            "Phone",
            now=datetime.now(UTC),
        )


def test_who_replaces_a_password_that_is_too_old_keeps_the_passkeys(acme, bob, kept):
    change(acme, password_expiry_days=90)
    User.objects.update(password_set_at=datetime.now(UTC) - timedelta(days=91))
    browser = Browser()
    path = enter(browser)["Location"]
    assert "/reset/" in path
    assert browser.post(path, {"password": "quite another passphrase"}).status_code == 302
    assert use(Browser(), kept).status_code == 302
    assert not removed()


@pytest.mark.parametrize("ends", [False, True])
def test_changing_the_own_password_shows_the_passkeys_and_ends_them_if_asked_to(bob, kept, ends):
    browser = Browser().enter(bob)
    page = browser.get("/account/").content.decode()
    assert "Tick this if somebody else may have added one: Phone" in page
    sent = {"current": PASSWORD, "password": "quite another passphrase"}
    ticked = {"end_passkeys": "on"} if ends else {}
    browser.post("/account/password/", {**sent, **ticked})
    assert is_in(browser)
    assert use(Browser(), kept).status_code == (422 if ends else 302)
    assert removed() == ([{"name": "Phone"}] if ends else [])
