"""Signing in without SAML: a company's rules for passwords, another password, the second factor."""

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from django.core import mail

from passerelle.audit.models import AuditEvent
from passerelle.directory.links import reset_path
from passerelle.directory.models import User
from passerelle.sso.models import Letter, RecoveryCode, SecondStep, Session, SignIn, Totp
from passerelle.sso.outbox import letters
from passerelle.sso.sign_in.second_factor import matching_step
from tests.browsing import Browser
from tests.world import make_administrator, make_company, make_user, session_of

pytestmark = pytest.mark.django_db
PASSWORD, OTHER = "a long enough passphrase", "quite another passphrase"
DOOR = "/login/acme/"


@pytest.fixture
def bob(acme) -> User:
    return with_password(make_user(acme, "bob@acme.example"))


def with_password(user: User, password: str = PASSWORD) -> User:
    user.password, user.password_set_at = make_password(password), datetime.now(UTC)
    user.save()
    return user


@pytest.fixture
def mailing(settings, monkeypatch):
    """An installation with a mail server."""
    ours = settings.PASSERELLE.model_copy(update={"email_url": "smtp://127.0.0.1:25"})
    settings.PASSERELLE = ours


def change(company, **values) -> None:
    for name, value in values.items():
        setattr(company, name, value)
    company.version += 1
    company.save()


def enter(browser: Browser, email: str = "bob@acme.example", password: str = PASSWORD):
    return browser.post(DOOR, {"email": email, "password": password})


def is_in(browser: Browser) -> bool:
    key = browser.cookies.get(django_settings.SESSION_COOKIE)
    return bool(key and key.value) and browser.get("/account/").status_code == 200


def links(kind: str) -> list[str]:
    """The links in the letters that are sent now."""
    letters.send_letters(datetime.now(UTC))
    found = [re.search(rf"http://127\.0\.0\.1:8000(/{kind}/\S+)", one.body) for one in mail.outbox]
    return [one[1] for one in found if one]


# Another password.


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(mailing, acme, bob):
    session_of(bob, now=datetime.now(UTC))
    browser = Browser()
    page = browser.post(f"{DOOR}forgot/", {"email": "Bob@acme.example"}).content.decode()
    assert "If Bob@acme.example has a password here" in page
    [link] = links("reset")
    assert browser.post(link, {"password": OTHER})["Location"].startswith(DOOR)
    assert not Session.objects.exists()
    assert browser.post(link, {"password": "and one more passphrase"}).status_code == 410
    assert not is_in(browser)
    enter(browser, password=OTHER)
    assert is_in(browser)
    assert AuditEvent.objects.filter(event="user:password_changed").count() == 1
    letters.send_letters(datetime.now(UTC))
    assert mail.outbox[-1].subject == "Your password at Acme was changed"


def test_nobody_learns_whether_an_address_has_an_account(mailing, acme, bob):
    pages, rows = [], []
    for email in ("bob@acme.example", "eve@acme.example"):
        answer = Browser().post(f"{DOOR}forgot/", {"email": email})
        pages.append((answer.status_code, answer.content.decode().replace(email, "")))
        rows.append(Letter.objects.filter(to=email).count())
    mask = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"')
    assert mask.sub("", pages[0][1]) == mask.sub("", pages[1][1])
    assert rows == [1, 1]
    assert len(links("reset")) == 1


def test_letters_to_one_address_are_limited(mailing, acme, bob):
    for _ in range(9):
        Browser().post(f"{DOOR}forgot/", {"email": "bob@acme.example"})
    assert Letter.objects.count() == 5


def test_a_letter_is_in_the_language_of_the_person(mailing, acme, bob):
    User.objects.update(language="fr")
    Browser().post(f"{DOOR}forgot/", {"email": "bob@acme.example"})
    letters.send_letters(datetime.now(UTC))
    assert "mot de passe" in mail.outbox[0].subject


def test_without_a_mail_server_it_says_whom_to_ask(acme, bob, settings):
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"demo": False})
    assert "Forgot your password" not in Browser().get(DOOR).content.decode()
    page = Browser().post(f"{DOOR}forgot/", {"email": "bob@acme.example"}).content.decode()
    assert "Ask an administrator of Acme" in page
    assert not Letter.objects.exists()


@pytest.mark.parametrize("tampered", ["{token}y", "x", "x{token}", "{token}:{token}"])
def test_a_tampered_link_opens_nothing(acme, bob, tampered):
    start, token = reset_path(bob).rstrip("/").rsplit("/", 1)
    assert Browser().get(f"{start}/{tampered.format(token=token)}/").status_code == 410


def test_a_link_of_one_person_is_none_for_another(acme, bob):
    eve = with_password(make_user(acme, "eve@acme.example"))
    path = reset_path(bob).replace(str(bob.id), str(eve.id))
    assert Browser().get(path).status_code == 410


def test_a_link_ends_after_an_hour(acme, bob, monkeypatch):
    path, later = reset_path(bob), datetime.now(UTC).timestamp() + 3601
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert Browser().get(path).status_code == 410


def test_a_letter_that_cannot_be_sent_is_tried_again_and_given_up(mailing, acme, bob, monkeypatch):
    def refuse(self, messages):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    Browser().post(f"{DOOR}forgot/", {"email": "bob@acme.example"})
    now = datetime.now(UTC)
    for _ in range(10):
        assert letters.send_letters(now) == 0
        now += timedelta(hours=5)
    letter = Letter.objects.get()
    assert (letter.tries, letter.due_at, letter.sent_at) == (5, None, None)


# The company's rules.


@pytest.mark.parametrize(
    ("rules", "password", "sentence"),
    [
        ({"password_min_length": 30}, "x" * 29, "at least 30 characters"),
        ({"password_complexity": True}, "only lower case letters", "upper-case letter"),
        ({"password_complexity": True}, "NoDigitsAtAll!", "upper-case letter"),
        ({"password_complexity": True}, "N0signatall5", "upper-case letter"),
        ({}, "x" * 10_000, "at most 1000 characters"),
        ({"password_reuse": 1}, PASSWORD, "You had this password lately"),
    ],
)
def test_a_password_is_held_against_the_rules(acme, bob, rules, password, sentence):
    change(acme, **rules)
    answer = Browser().post(reset_path(bob), {"password": password})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_a_complex_password_of_any_script_is_taken(acme, bob):
    change(acme, password_complexity=True)
    assert Browser().post(reset_path(bob), {"password": "Éclair-à-9-heures"}).status_code == 302


def test_earlier_passwords_come_back_only_after_as_many_others(acme, bob):
    change(acme, password_reuse=2)
    for word, status in {"one": 302, "two": 302, " one": 422, "three": 302, "  one": 302}.items():
        bob.refresh_from_db()
        answer = Browser().post(reset_path(bob), {"password": f"the passphrase {word.strip()}"})
        assert answer.status_code == status, word


def test_an_old_password_has_to_be_changed_before_it_lets_in(acme, bob):
    change(acme, password_expiry_days=90)
    User.objects.update(password_set_at=datetime.now(UTC) - timedelta(days=91))
    browser = Browser()
    answer = enter(browser)
    assert "/reset/" in answer["Location"]
    assert not is_in(browser)
    assert "older than 90 days" in browser.get(answer["Location"]).content.decode()
    browser.post(answer["Location"], {"password": OTHER})
    enter(browser, password=OTHER)
    assert is_in(browser)


def test_one_changes_the_own_password_and_stays_in_here_only(acme, bob):
    browser, elsewhere = Browser(), Browser()
    enter(browser)
    enter(elsewhere)
    wrong = browser.post("/account/password/", {"current": "x", "password": OTHER})
    assert "This is not your password." in wrong.content.decode()
    browser.post("/account/password/", {"current": PASSWORD, "password": OTHER})
    assert is_in(browser)
    assert not is_in(elsewhere)


# The second factor.


def set_up(browser: Browser) -> tuple[str, list[str]]:
    """Through the page that requires it: the secret, and the recovery codes that it shows."""
    page = browser.get("/login/code/").content.decode()
    secret = re.search(r'id="secret"[^>]*>([A-Z2-7]{32})<', page)[1]
    done = browser.post("/login/code/", {"code": pyotp.TOTP(secret).now()}).content.decode()
    return secret, re.findall(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5}\b", done)


def code_after(secret: str, steps: int = 1) -> str:
    return pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=30 * steps))


@pytest.fixture
def enrolled(acme, bob) -> tuple[str, list[str]]:
    change(acme, two_factor="required")
    browser = Browser()
    assert enter(browser)["Location"] == "/login/code/"
    assert not is_in(browser)
    secret, codes = set_up(browser)
    assert is_in(browser)
    return secret, codes


def test_where_it_is_required_it_is_set_up_before_anybody_is_in(enrolled):
    assert len(set(enrolled[1])) == 10
    assert AuditEvent.objects.filter(event="user:second_factor_set").exists()
    assert SignIn.objects.filter(outcome="signed_in").count() == 1


def test_afterwards_the_code_of_the_moment_is_asked_for(enrolled):
    browser = Browser()
    assert enter(browser)["Location"] == "/login/code/"
    wrong = browser.post("/login/code/", {"code": "000000"})
    assert wrong.status_code == 422
    assert "not the code of this moment" in wrong.content.decode()
    assert SignIn.objects.filter(reason="second_factor_wrong").exists()
    assert browser.post("/login/code/", {"code": code_after(enrolled[0])}).status_code == 302
    assert is_in(browser)


def test_a_code_is_good_once(enrolled):
    code = code_after(enrolled[0])
    for expected in (302, 422):
        browser = Browser()
        enter(browser)
        assert browser.post("/login/code/", {"code": code}).status_code == expected


def test_a_recovery_code_stands_in_once(enrolled):
    code = enrolled[1][0].lower().replace("-", " ")
    for expected in (302, 422):
        browser = Browser()
        enter(browser)
        assert browser.post("/login/code/", {"code": code}).status_code == expected
    assert RecoveryCode.objects.filter(used_at=None).count() == 9
    assert AuditEvent.objects.get(event="user:recovery_code_used").details == {"left": 9}


def test_codes_cannot_be_guessed(enrolled):
    browser = Browser()
    enter(browser)
    for _ in range(11):
        page = browser.post("/login/code/", {"code": "000000"}).content.decode()
    assert "Too many failed attempts" in page
    # Nor by starting again from another place.
    other = Browser(REMOTE_ADDR="203.0.113.9")
    enter(other)
    assert other.post("/login/code/", {"code": code_after(enrolled[0])}).status_code == 422


def test_a_remembered_browser_is_not_asked_again_and_the_password_change_forgets_it(enrolled, bob):
    browser = Browser()
    enter(browser)
    browser.post("/login/code/", {"code": code_after(enrolled[0]), "remember": "on"})
    browser.post("/logout/")
    assert enter(browser)["Location"] == "/"
    assert enter(Browser())["Location"] == "/login/code/"
    bob.refresh_from_db()
    Browser().post(reset_path(bob), {"password": OTHER})
    assert enter(browser, password=OTHER)["Location"] == "/login/code/"


def test_the_cookie_of_the_first_step_alone_opens_nothing(enrolled):
    browser = Browser()
    enter(browser)
    assert not is_in(browser)
    SecondStep.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    late = browser.post("/login/code/", {"code": code_after(enrolled[0])})
    assert late.status_code == 410
    assert Browser().get("/login/code/").status_code == 410


def test_the_secret_is_sealed(enrolled):
    assert enrolled[0] not in Totp.objects.get().sealed_secret


def test_an_administrator_takes_a_lost_factor_away(acme, enrolled, bob):
    alice = Browser().enter(make_administrator(acme))
    alice.post(f"/settings/users/{bob.id}/change/reset-factor/")
    assert not Totp.objects.exists()
    assert not Session.objects.filter(user=bob).exists()
    browser = Browser()
    enter(browser)
    assert "Set up a second factor" in browser.get("/login/code/").content.decode()


def test_where_it_is_optional_only_those_who_have_one_are_asked(acme, bob):
    browser = Browser()
    assert enter(browser)["Location"] == "/"
    page = browser.post("/account/app/").content.decode()
    secret = re.search(r'name="secret" value="([A-Z2-7]{32})"', page)[1]
    wrong = browser.post("/account/app/", {"secret": secret, "code": "000000"})
    assert wrong.status_code == 422
    code = pyotp.TOTP(secret).now()
    done = browser.post("/account/app/", {"secret": secret, "code": code})
    assert "Your recovery codes" in done.content.decode()
    assert enter(Browser())["Location"] == "/login/code/"


@pytest.mark.parametrize("secret", ["", "x", "A" * 31, "A" * 33, "\0" * 32])
def test_a_secret_that_is_none_is_not_set_up(acme, bob, secret):
    browser = Browser()
    enter(browser)
    browser.post("/account/app/", {"secret": secret, "code": "000000"})
    assert not Totp.objects.exists()


def test_sso_is_not_asked_for_a_second_factor_here(acme):
    change(acme, two_factor="required")
    browser = Browser()
    browser.sign_in(acme.connections.select_related("company").get())
    assert is_in(browser)


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B: the last six digits of the SHA-1 vectors.
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
    ],
)
def test_codes_are_those_of_the_specification(seconds, code):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    now = datetime.fromtimestamp(seconds, UTC)
    assert matching_step(secret, code, now=now) == seconds // 30
    assert matching_step(secret, code, now=now + timedelta(seconds=30)) == seconds // 30
    assert matching_step(secret, code, now=now + timedelta(seconds=90)) is None


# Invitations.


def test_an_invitation_is_sent_and_its_link_opens_the_account(mailing, acme):
    alice = Browser(language="fr").enter(make_administrator(acme))
    alice.post("/settings/users/invite/", {"email": "new@acme.example"})
    [link] = links("activate")
    assert "invité" in mail.outbox[0].subject
    browser = Browser()
    browser.post(link, {"password": PASSWORD})
    assert is_in(browser)


def test_an_account_in_two_companies_has_two_passwords(acme, bob):
    globex = make_company("globex")
    with_password(make_user(globex, "bob@acme.example"), OTHER)
    for slug, password, expected in [
        ("acme", PASSWORD, True),
        ("globex", OTHER, True),
        ("globex", PASSWORD, False),
    ]:
        browser = Browser()
        browser.post(f"/login/{slug}/", {"email": "bob@acme.example", "password": password})
        assert is_in(browser) is expected
