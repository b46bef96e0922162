"""The sign-in pages, passwords and activation."""

import re
import threading

import pytest
from django.contrib.auth.hashers import make_password
from django.db.models import F

from passerelle.directory.links import activation_path
from passerelle.directory.models import Company, Domain, User
from passerelle.infra import hashing
from passerelle.provisioning import parse_email
from passerelle.sso.models import FailedAttempts, SamlConnection, Session, SignIn
from passerelle.sso.sign_in import passwords
from tests.browsing import Browser
from tests.world import make_administrator, make_company, make_connection, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
WRONG = "E-mail address and password do not match"


@pytest.fixture
def acme() -> Company:
    return make_company()


@pytest.fixture
def ada(acme) -> User:
    return make_user(acme, "ada@acme.example", password=make_password(PASSWORD))


def enter(email: str, password: str, *, company: str = "acme", **headers: str):
    browser = Browser()
    fields = {"email": email, "password": password}
    return browser, browser.post(f"/login/{company}/", fields, headers=headers)


def test_the_only_company_shows_its_door_at_once(acme):
    page = Browser().get("/").content.decode()
    assert "Sign in with Acme SSO" in page
    assert "/auth/saml/acme/login" in page


def test_the_door_keeps_where_the_person_wanted_to_go(acme):
    page = Browser().get("/login/?next=/settings/security/").content.decode()
    assert "/auth/saml/acme/login?next=%2Fsettings%2Fsecurity%2F" in page


def test_with_several_companies_a_work_email_leads_to_its_verified_domain(acme):
    make_company("globex")
    assert "Work e-mail address" in Browser().get("/").content.decode()
    answer = Browser().post("/login/", {"email": "anybody@GLOBEX.example"})
    assert (answer.status_code, answer["Location"]) == (302, "/login/globex/")


@pytest.mark.parametrize("email", ["who@unknown.example", "junk", "", "x" * 10_000, "\x00@a.b"])
def test_an_unknown_domain_is_told_without_saying_who_has_an_account(acme, email):
    make_company("globex")
    Domain.objects.filter(name="acme.example").update(verified_at=None)
    answer = Browser().post("/login/", {"email": email})
    assert answer.status_code == 422
    assert "No company is known for this address" in answer.content.decode()


def test_a_password_signs_in_and_out(ada):
    browser, answer = enter("Ada@Acme.example", PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "ada@acme.example" in browser.get("/").content.decode()
    browser.post("/logout/")
    assert not Session.objects.exists()
    assert "Sign in" in browser.get("/").content.decode()


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@acme.example", "wrong"),
        ("ada@acme.example", ""),
        ("nobody@acme.example", PASSWORD),
        ("ada@acme.example", "x" * 10_000),
        ("junk", PASSWORD),
        ("ada@acme.example\x00", "\x00"),
    ],
)
def test_every_mismatch_gets_the_same_answer(ada, email, password):
    _, answer = enter(email, password)
    assert answer.status_code == 422
    assert WRONG in answer.content.decode()


@pytest.mark.parametrize("status", ["invited", "pending", "suspended"])
def test_an_account_that_is_not_active_cannot_use_its_password(ada, status):
    User.objects.update(status=status)
    _, answer = enter("ada@acme.example", PASSWORD)
    assert WRONG in answer.content.decode()


def test_a_password_of_one_company_does_not_open_another(ada):
    make_user(make_company("globex"), "ada@acme.example")
    _, answer = enter("ada@acme.example", PASSWORD, company="globex")
    assert answer.status_code == 422


def test_ten_failures_stop_that_address_but_not_the_person_elsewhere(ada):
    for _ in range(10):
        enter("ada@acme.example", "wrong")
    _, answer = enter(" ADA@acme.example", PASSWORD)
    assert answer.status_code == 429
    browser = Browser(REMOTE_ADDR="192.0.2.7")
    fields = {"email": "ada@acme.example", "password": PASSWORD}
    assert browser.post("/login/acme/", fields).status_code == 302


def test_a_forwarded_address_is_not_believed_from_a_stranger(ada):
    for number in range(10):
        enter("ada@acme.example", "wrong", **{"x-forwarded-for": f"192.0.2.{number}"})
    _, answer = enter("ada@acme.example", PASSWORD, **{"x-forwarded-for": "192.0.2.99"})
    assert answer.status_code == 429


def test_an_invited_administrator_chooses_a_password_once(acme):
    user = make_administrator(acme)
    User.objects.update(status="invited")
    user.refresh_from_db()
    link = activation_path(user)
    browser = Browser()
    assert browser.get(link).status_code == 200
    assert "at least 8 characters" in browser.post(link, {"password": "short"}).content.decode()
    assert browser.post(link, {"password": PASSWORD}).status_code == 302
    assert "admin@acme.example" in browser.get("/").content.decode()
    assert Browser().get(link).status_code == 410


def test_a_tampered_activation_link_has_ended(acme):
    user = make_administrator(acme)
    User.objects.update(status="invited")
    user.refresh_from_db()
    assert Browser().get(activation_path(user).rstrip("/") + "x/").status_code == 410


def test_an_unknown_company_has_no_door():
    assert Browser().get("/login/nowhere/").status_code == 404


def test_the_dashboard_of_a_person_without_workspace_says_whom_to_ask(acme):
    browser = Browser().enter(make_user(acme, "new@acme.example"))
    page = browser.get("/").content.decode()
    assert "You belong to no workspace yet" in page


def test_every_password_leaves_a_trace_and_strangers_are_counted(ada):
    enter("ada@acme.example", PASSWORD)
    enter("ada@acme.example", "wrong")
    enter("nobody@acme.example", "wrong")
    rows = SignIn.objects.values_list("outcome", "reason", "email", "count", "connection")
    assert sorted(rows) == [
        ("refused", "password_wrong", None, 1, None),
        ("refused", "password_wrong", None, 1, None),
        ("signed_in", "", "ada@acme.example", 1, None),
    ]


def test_a_password_from_outside_the_allow_list_leaves_a_trace(ada):
    Company.objects.update(ip_allowlist=["198.51.100.0/24"])
    _, answer = enter("ada@acme.example", PASSWORD)
    assert answer.status_code == 403
    assert SignIn.objects.get().reason == "address_not_allowed"


def test_successes_are_not_held_against_a_network(ada):
    for _ in range(15):
        assert enter("ada@acme.example", PASSWORD)[1].status_code == 302
    assert not FailedAttempts.objects.filter(count__gt=0).exists()


def test_when_every_place_for_hashing_is_taken_a_password_has_to_come_again(ada, monkeypatch):
    room = threading.BoundedSemaphore(1)
    monkeypatch.setattr(hashing, "_room", room)
    with room:
        _, answer = enter("ada@acme.example", PASSWORD)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert enter("ada@acme.example", PASSWORD)[1].status_code == 302


def test_an_account_made_without_a_password_can_get_one(acme):
    user = make_user(acme, "jit@acme.example", is_administrator=True, provisioned_by="jit")
    link = activation_path(user)
    assert Browser().post(link, {"password": PASSWORD}).status_code == 302
    assert enter("jit@acme.example", PASSWORD)[1].status_code == 302
    assert Browser().get(link).status_code == 410


def test_the_door_of_a_company_with_many_connections_asks_little_of_the_database(
    django_assert_max_num_queries,
):
    company = make_company()
    for number in range(30):
        make_connection(company, slug=f"acme-{number}")
    with django_assert_max_num_queries(4):
        page = Browser().get("/login/acme/").content.decode()
    assert page.count("/auth/saml/acme") >= 31


def test_a_wrong_password_is_found_by_its_reference_and_by_whose_account_it_was(ada):
    references = []
    for email in ("ada@acme.example", "nobody@acme.example", "ada@acme.example"):
        page = enter(email, "wrong")[1].content.decode()
        found = re.search(r"by the reference ([0-9A-Z]{3}-[0-9A-Z]{3})", page)
        assert found
        references.append(found[1])
    # To a stranger an account makes no difference: each address has its own reference.
    assert references[0] == references[2] != references[1]
    alice = Browser().enter(make_administrator(ada.company))
    page = alice.get(f"/settings/sign-ins/{references[0]}/").content.decode()
    assert "Somebody tried the account of ada@acme.example" in page
    assert "2 similar attempts" in page
    listed = alice.get("/settings/sign-ins/?q=ada@acme").content.decode()
    assert references[0] in listed
    assert references[1] not in listed
    page = alice.get(f"/settings/sign-ins/{references[1]}/").content.decode()
    assert "Somebody could not sign in" in page


def test_whoever_tries_many_addresses_fills_no_list(ada, within_the_hour):
    for number in range(60):
        # Each from a network of its own, so that no limit stops them before.
        answer = Browser().post(
            "/login/acme/",
            {"email": f"x{number}@acme.example", "password": "wrong"},
            REMOTE_ADDR=f"203.0.113.{number}",
        )
        assert answer.status_code == 422
    assert SignIn.objects.count() == 51
    # Known or not, whoever comes then shares one row and one reference.
    page = enter("ada@acme.example", "wrong")[1].content.decode()
    shared = SignIn.objects.get(count=11)
    assert shared.reference in page
    assert shared.user is None


def test_pages_can_be_asked_for_their_head(ada):
    for path in ("/", "/login/", "/login/acme/", "/health/live"):
        assert Browser().head(path).status_code == 200
    assert Browser().enter(ada).head("/account/").status_code == 200


def test_mistyped_passwords_use_up_no_room_of_certificates_to_be_accepted(ada, within_the_hour):
    connection = ada.company.connections.select_related("company").get()
    for number in range(51):
        Browser().post(
            "/login/acme/",
            {"email": f"x{number}@acme.example", "password": "wrong"},
            REMOTE_ADDR=f"203.0.113.{number}",
        )
    assert Browser().sign_in(connection, fault="stranger").status_code == 400
    assert SignIn.objects.get(reason="certificate_unknown").offered_certificate


def test_of_several_places_from_which_one_account_was_tried_none_is_told(ada):
    for address in ("198.51.100.7", "198.51.100.7", "203.0.113.66"):
        before = SignIn.objects.values_list("address", flat=True).first()
        assert before in (None, "198.51.100.7")
        Browser().post(
            "/login/acme/",
            {"email": "ada@acme.example", "password": "wrong"},
            REMOTE_ADDR=address,
        )
    assert SignIn.objects.get().address is None


@pytest.mark.django_db(transaction=True)
def test_an_account_that_goes_while_its_password_is_looked_at_is_no_error(ada, monkeypatch):
    real = passwords.is_hash_of

    def meanwhile(*given):
        User.objects.all().delete()
        return real(*given)

    monkeypatch.setattr(passwords, "is_hash_of", meanwhile)
    assert enter("ada@acme.example", "wrong")[1].status_code == 422
    assert SignIn.objects.get().user is None


@pytest.mark.usefixtures("within_the_hour")
def test_an_address_that_passes_to_somebody_else_within_the_hour_is_nobody_s(ada):
    enter("ada@acme.example", "wrong")
    ada.set_email(parse_email("ada.new@acme.example"))
    ada.save()
    make_user(ada.company, "ada@acme.example")
    enter("ada@acme.example", "wrong")
    row = SignIn.objects.get()
    assert (row.count, row.user) == (2, None)


# The page is written once, and filled in for each who opens it.


def reload(path: str = "/login/acme/", browser: Browser | None = None) -> str:
    return (browser or Browser()).get(path).content.decode()


@pytest.mark.parametrize("path", ["/login/acme/", "/login/", "/login/acme/?next=/account/"])
def test_a_reload_of_the_page_is_one_query(acme, path, django_assert_num_queries):
    reload(path)
    with django_assert_num_queries(1):
        assert "Sign in with Acme SSO" in reload(path)


def test_a_change_of_settings_shows_at_the_next_request(acme):
    assert "Sign in with Acme SSO" in reload()
    SamlConnection.objects.update(name="Other SSO")
    Company.objects.update(name="Acme & Sons", version=F("version") + 1)
    page = reload()
    assert "Sign in with Other SSO" in page
    assert "Acme &amp; Sons" in page
    assert "Acme SSO" not in page


def test_each_language_and_each_company_has_its_own_page(acme):
    make_company("globex")
    pages = [reload(), reload("/login/globex/"), reload(browser=Browser("fr"))]
    assert ["Sign in with Acme SSO" in one for one in pages] == [True, False, False]
    assert 'lang="fr"' in pages[2]
    assert "Sign in with Globex SSO" in pages[1]


def test_where_somebody_wanted_to_go_is_nobody_elses_and_no_markup(acme):
    page = reload("/login/acme/?next=/a%22%3E%3Cb%3E%26c")
    assert 'name="next" value="/a&quot;&gt;&lt;b&gt;&amp;c"' in page
    assert "/auth/saml/acme/login?next=%2Fa%22%3E%3Cb%3E%26c" in page
    assert 'value="/login/acme/?next=/a%22%3E%3Cb%3E%26c"' in page
    assert "<b>" not in page
    other = reload()
    assert "next=" not in other
    assert 'name="next" value=""' in other
    assert 'name="next" value="/login/acme/"' in other


def test_each_browser_gets_a_token_of_its_own_that_its_forms_are_taken_with(ada):
    tokens = set()
    for _ in range(2):
        browser = Browser(enforce_csrf_checks=True)
        found = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', reload(browser=browser))
        assert len(set(found)) == 1
        fields = {"email": ada.email, "password": PASSWORD}
        assert browser.post("/login/acme/", fields).status_code == 403
        sent = {**fields, "csrfmiddlewaretoken": found[0]}
        assert browser.post("/login/acme/", sent).status_code == 302
        tokens.add(found[0])
    assert len(tokens) == 2


def test_the_password_is_open_and_the_new_one_confirmed_only_for_who_comes_from_there(acme):
    def is_open(page: str) -> bool:
        return "<details open>" in page

    assert not is_open(reload())
    page = reload("/login/acme/?password&done=reset")
    assert is_open(page)
    assert "The password is changed." in page
    assert "The password is changed." not in reload("/login/acme/?password")
    assert not is_open(reload())
