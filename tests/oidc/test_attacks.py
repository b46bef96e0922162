"""Somebody of another company, somebody with a copy, somebody in between: what each gets."""

import base64
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from passerelle.directory.models import Application, ApplicationHost
from passerelle.infra import fetch as fetching
from passerelle.jobs.housekeeping import purge
from passerelle.oidc import back_channel
from passerelle.oidc.forward import MAX_HEADERS
from passerelle.oidc.models import Grant, LogoutNotice
from passerelle.sso.models import Session, SignIn
from passerelle.web.applications.products import PRODUCTS
from passerelle.web.applications.recipes import recipes_for
from tests.browsing import Browser
from tests.oidc.client import CALLBACK, RelyingParty, add
from tests.oidc.test_forward_auth import HOST, PAGE, Site
from tests.world import give, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
NEW = "/settings/applications/new/"
CLIENT = {"url": "https://reports.acme.example/", "default_role": "Viewer"}
SITE = {"kind": "proxy", "client_id": None, "redirect_uris": (), "post_logout_redirect_uris": ()}


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings):
    changed = {"trusted_proxies": ("127.0.0.1",)}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=changed)


@pytest.fixture
def person(acme):
    user = make_user(acme, "bob@acme.example", first_name="Bob")
    give(user)
    return user


@pytest.fixture
def bob(person) -> Browser:
    return Browser().enter(person)


@pytest.fixture
def wiki(acme) -> Application:
    return add(acme, name="Wiki", url=f"https://{HOST}/", hosts=(HOST,), **SITE)


@pytest.fixture
def mallory(acme) -> Browser:
    """She administers Globex, on the same installation."""
    return Browser().enter(make_administrator(make_company("globex")))


class TestAnotherCompany:
    @pytest.mark.parametrize("host", [HOST, f"{HOST}:9999", "new.acme.example"])
    def test_takes_no_host_that_is_not_under_its_domains(self, mallory, wiki, host):
        answer = mallory.post(f"{NEW}caddy/", {"name": "Mine", "url": f"https://{host}/"})
        assert answer.status_code == 422
        assert ApplicationHost.objects.get().host == HOST

    def test_takes_no_other_port_of_a_host_by_the_file_either(self, mallory, wiki):
        from passerelle.directory.applications import HostTaken
        from passerelle.directory.models import Company

        globex = Company.objects.get(slug="globex")
        with pytest.raises(HostTaken):
            add(globex, name="Mine", hosts=(f"{HOST}:9999",), **SITE)

    def test_takes_no_host_that_was_given_up(self, mallory, wiki):
        wiki.delete()
        answer = mallory.post(f"{NEW}caddy/", {"name": "Mine", "url": f"https://{HOST}/"})
        assert answer.status_code == 422

    def test_goes_through_no_proxy_of_ours_with_its_own_host(self, mallory, wiki):
        mallory.post(f"{NEW}caddy/", {"name": "Mine", "url": "https://app.globex.example/"})
        globex = Application.objects.get(name="Mine")
        visitor = Visit("app.globex.example")
        visitor.enter(mallory)
        assert visitor.ask(globex).status_code == 200
        refused = visitor.ask(wiki)
        assert refused.status_code == 403
        assert refused["X-Passerelle-Reason"] == "application_unknown"
        assert refused["X-Passerelle-Email"] == ""

    def test_says_nothing_behind_the_path_that_envoy_adds(self, mallory, wiki):
        mallory.post(f"{NEW}caddy/", {"name": "Mine", "url": "https://app.globex.example/"})
        globex = Application.objects.get(name="Mine")
        visitor = Visit("app.globex.example")
        visitor.enter(mallory)
        path = f"/x?a=b&application={globex.id}"
        assert visitor.ask(wiki, mode=f"envoy{path}").status_code == 403

    @pytest.mark.parametrize("name", [HOST, "acme-reports", "Reports"])
    def test_gets_no_token_for_ours_by_a_name(self, acme, mallory, wiki, name):
        mallory.post(f"{NEW}caddy/", {"name": name, "url": "https://app.globex.example/"})
        visitor = Visit("app.globex.example")
        visitor.enter(mallory)
        globex = Application.objects.get(company__slug="globex")
        token = visitor.ask(globex)["X-Passerelle-JWT"]
        claims = RelyingParty(globex, "").verified(token)
        assert claims["aud"] == [str(globex.id), "app.globex.example"]

    @pytest.mark.parametrize("client_id", ["acme-reports", "reports", "acme"])
    def test_takes_no_client_id_that_is_not_begun_with_its_own_name(self, mallory, client_id):
        answer = mallory.post(f"{NEW}grafana/", {**CLIENT, "name": "G", "client_id": client_id})
        assert answer.status_code == 422
        assert "globex-" in answer.content.decode()

    def test_holds_up_no_sign_out_of_ours(self, acme, person, monkeypatch):
        from passerelle.directory.models import Company

        make_company("globex")
        told = []
        # However slow the machine.
        monkeypatch.setattr(back_channel, "A_COMPANY", 3600.0)
        monkeypatch.setattr(back_channel, "fetch", lambda url, **_: told.append(url))
        for slug, count in (("globex", 250), ("acme", 1)):
            company = Company.objects.get(slug=slug)
            row = add(company, backchannel_logout_uri=f"https://{slug}.example/out")
            now = timezone.now()
            LogoutNotice.objects.bulk_create(
                LogoutNotice(
                    company=company,
                    application=row,
                    subject=person.id,
                    sid=str(number),
                    created_at=now,
                    due_at=now,
                )
                for number in range(count)
            )
        back_channel.send_notices(timezone.now())
        assert "https://acme.example/out" in told
        assert told.count("https://globex.example/out") == back_channel.OF_A_COMPANY


class Visit(Site):
    """A browser at any host, through a proxy that is for one application."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host

    def asked(self, path="/", method="GET", mode="", **headers):
        headers = {"x-forwarded-host": self.host, **headers}
        return super().asked(path, method, mode, **headers)

    def ask(self, application: Application, mode: str = ""):
        query = f"application={application.id}" + (f"&mode={mode}" if mode else "")
        headers = {"x-forwarded-host": self.host, "x-forwarded-proto": "https", **PAGE}
        return self.get(f"/forward-auth?{query}", headers=headers)

    def own(self, address: str):
        parts = urlsplit(address)
        headers = {"x-forwarded-host": self.host, "x-forwarded-proto": "https", **PAGE}
        return self.get(f"{parts.path}?{parts.query}", headers=headers)


class TestAProxy:
    @pytest.mark.parametrize(
        ("said", "reason"),
        [({"x-forwarded-proto": "http"}, "proxy_scheme"), ({}, "proxy_scheme")],
    )
    def test_does_not_lead_to_plain_http_with_a_code(self, wiki, said, reason):
        headers = {"x-forwarded-host": HOST, **PAGE, **said}
        answer = Client().get("/.passerelle/start", headers=headers)
        assert answer.status_code == 400
        assert answer["X-Passerelle-Reason"] == reason

    def test_that_nobody_trusts_begins_nothing(self, settings, wiki):
        changed = {"trusted_proxies": ()}
        settings.PASSERELLE = settings.PASSERELLE.model_copy(update=changed)
        answer = Client().get("/.passerelle/start", headers={"host": HOST, **PAGE})
        assert answer.status_code == 400

    def test_is_told_no_more_than_it_takes(self, acme, bob, person, wiki):
        site = Site()
        site.enter(bob)
        for number in range(100):
            name = f"A workspace with number {number:03}"
            acme.workspaces.create(name=name)
            give(person, workspace=name)
        answer = site.asked()
        assert answer.status_code == 200
        names = [name for name in answer.headers if name.startswith("X-Passerelle-")]
        assert sum(len(answer[name]) for name in names) <= MAX_HEADERS
        claims = RelyingParty(wiki, "").verified(answer["X-Passerelle-JWT"])
        assert claims["left_out"] == ["groups", "workspaces", "permission_sets"]

    def test_is_told_a_percent_sign_once(self, acme, bob, wiki):
        acme.workspaces.update(name="50% of it")
        site = Site()
        site.enter(bob)
        assert site.asked()["X-Passerelle-Workspaces"] == "50%25 of it"

    def test_keeps_a_long_path(self, bob, wiki):
        path = "/" + "a" * 900
        assert Site().enter(bob, path)["Location"] == path


class TestInnerAddresses:
    def test_are_told_of_no_sign_out_where_they_are_open_to_metadata_only(
        self, acme, bob, settings, monkeypatch
    ):
        changed = {"private_networks": ("127.0.0.0/8",)}
        settings.PASSERELLE = settings.PASSERELLE.model_copy(update=changed)
        asked = []
        monkeypatch.setattr(back_channel, "fetch", lambda url, **given: asked.append(given))
        told = RelyingParty.made(acme, backchannel_logout_uri="http://127.0.0.1:8500/out")
        told.sign_in(bob)
        Session.objects.all().delete()
        back_channel.work(timezone.now())
        assert [given["private_networks"] for given in asked] == [()]
        with pytest.raises(fetching.FetchError):
            fetching.fetch("http://127.0.0.1:8500/out", plain_inside=True)


class TestCopies:
    def test_five_sign_ins_of_one_session_are_told_once(self, acme, bob, monkeypatch):
        asked = []
        monkeypatch.setattr(back_channel, "fetch", lambda url, **_: asked.append(url))
        told = RelyingParty.made(acme, backchannel_logout_uri="https://reports.acme.example/out")
        for _ in range(5):
            told.sign_in(bob)
        Session.objects.all().delete()
        back_channel.work(timezone.now())
        assert len(asked) == 1

    def test_codes_that_nobody_brings_go(self, bob, reports):
        reports.code(bob)
        purge(timezone.now() + timedelta(minutes=2))
        assert not Grant.objects.exists()

    def test_a_dashboard_that_comes_again_and_again_makes_one_row(self, bob, reports):
        for _ in range(5):
            reports.sign_in(bob)
        assert SignIn.objects.filter(application=reports.application).count() == 1

    def test_a_code_does_not_count_where_its_address_was_taken_away(self, bob, reports):
        code = reports.code(bob)
        Application.objects.update(redirect_uris=["https://other.acme.example/callback"])
        assert reports.exchange(code).json()["error"] == "invalid_grant"

    def test_a_token_does_not_count_where_the_application_is_another_kind(self, bob, reports):
        token = reports.sign_in(bob)["access_token"]
        Application.objects.update(kind="link", client_id=None)
        assert reports.userinfo(token).status_code == 401


class TestNobodyIsLedElsewhere:
    def test_by_a_request_that_is_wrong(self, reports):
        answer = reports.authorize(Browser(), response_type="zz")
        assert answer.status_code == 400
        assert "Location" not in answer.headers

    def test_by_somebody_of_another_company(self, mallory, reports):
        assert reports.authorize(mallory, response_type="zz").status_code == 400

    def test_by_a_sign_out_without_a_token(self, reports):
        query = {
            "client_id": reports.application.client_id,
            "post_logout_redirect_uri": "https://reports.acme.example/bye",
        }
        answer = Browser().get("/oidc/logout", query)
        assert answer.status_code == 200


class TestShowingWhoTheyAreAnew:
    def asked_anew(self, reports, browser, **changes):
        """The stamp that comes with being asked, and the request."""
        Session.objects.update(
            created_at=timezone.now() - timedelta(hours=2),
            confirmed_at=timezone.now() - timedelta(hours=2),
        )
        answer = reports.authorize(browser, prompt="login", **changes)
        assert answer.status_code in (302, 303)
        return answer["Location"]

    def test_a_stamp_of_another_person_counts_for_nothing(self, acme, bob, reports):
        other = make_user(acme, "carol@acme.example")
        give(other)
        led = self.asked_anew(reports, Browser().enter(other))
        stamp = find_stamp(led)
        Session.objects.update(confirmed_at=timezone.now())
        answer = reports.authorize(bob, prompt="login", passerelle_since=stamp)
        assert not answer["Location"].startswith(CALLBACK)

    def test_nor_one_of_another_request(self, bob, reports):
        stamp = find_stamp(self.asked_anew(reports, bob, state="one"))
        Session.objects.update(confirmed_at=timezone.now())
        answer = reports.authorize(bob, prompt="login", passerelle_since=stamp, state="two")
        assert not answer["Location"].startswith(CALLBACK)

    def test_another_person_than_the_dashboard_means_gets_no_code_silently(
        self, acme, bob, reports
    ):
        hint = reports.sign_in(bob)["id_token"]
        other = make_user(acme, "carol@acme.example")
        give(other)
        answer = reports.authorize(Browser().enter(other), prompt="none", id_token_hint=hint)
        assert "error=login_required" in answer["Location"]


def find_stamp(address: str) -> str:
    """However deep it stands in addresses within addresses."""
    query = parse_qs(urlsplit(address).query)
    if "passerelle_since" in query:
        return query["passerelle_since"][0]
    [inner] = [one for values in query.values() for one in values if "passerelle_since" in one]
    return find_stamp(inner)


class TestJunk:
    @pytest.mark.parametrize(
        "header",
        [b"Basic ", b"Basic \xa0", "Basic é".encode(), b"Basic " + base64.b64encode(b"\xff:\xff")],
    )
    @pytest.mark.parametrize("path", ["token", "revoke", "introspect"])
    def test_in_the_header_of_a_client_is_401(self, reports, path, header):
        answer = Client().post(
            f"/oidc/{path}",
            {"grant_type": "authorization_code", "token": "x"},
            headers={"authorization": header.decode("latin-1")},
        )
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"

    @pytest.mark.parametrize("payload", [b'{"sub": "acme-reports"}', b"[" * 5000, b"null", b"\xff"])
    def test_that_a_client_is_said_to_have_signed_is_refused(self, reports, payload):
        parts = [b'{"alg":"RS256"}', payload, b"x"]
        assertion = ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts)
        sent = {
            "grant_type": "authorization_code",
            "code": "x",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        answer = Client().post("/oidc/token", sent)
        assert answer.status_code in (400, 401)

    @pytest.mark.parametrize("header", [{"alg": "RS256", "crit": 5}, {"alg": 5}, {}, []])
    def test_is_no_hint_of_a_sign_in(self, bob, header):
        head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        assert bob.get("/oidc/logout", {"id_token_hint": f"{head}.e30.x"}).status_code == 200

    @pytest.mark.parametrize(
        "changes",
        [
            {"nonce": "a\0b"},
            {"resource": "a\0b"},
            {"state": "\0"},
            {"code_challenge": "a" * 127 + "\n"},
            {"code_challenge": "a" * 128 + "\n"},
            {"code_challenge": "a" * 200},
        ],
    )
    def test_in_a_request_is_said_to_the_client(self, bob, reports, changes):
        answer = reports.authorize(bob, **changes)
        assert answer.status_code == 303
        assert "error=invalid_request" in answer["Location"]

    def test_a_scope_that_is_said_sixty_times_is_said_once(self, bob, reports):
        tokens = reports.sign_in(bob, scope="openid offline_access")
        answer = reports.refresh(tokens["refresh_token"], scope="openid " * 60)
        assert answer.status_code == 200
        assert answer.json()["scope"] == "openid"

    def test_in_the_preview_finds_nobody(self, alice, reports):
        page = f"/settings/applications/{reports.application.id}/preview/"
        assert alice.get(page, {"email": "a\0b"}).status_code == 200


class TestIdleTime:
    def test_is_not_ended_by_a_dashboard_that_asks_by_itself(self, bob, reports):
        tokens = reports.sign_in(bob, scope="openid offline_access")
        Session.objects.update(last_seen_at=timezone.now() - timedelta(hours=20))
        before = Session.objects.values_list("last_seen_at", "expires_at").get()
        assert reports.userinfo(tokens["access_token"]).status_code == 200
        assert reports.refresh(tokens["refresh_token"]).status_code == 200
        assert Session.objects.values_list("last_seen_at", "expires_at").get() == before


def test_introspection_says_no_more_than_was_asked_for(bob, reports):
    token = reports.sign_in(bob, scope="openid")["access_token"]
    assert "bob@acme.example" not in json.dumps(reports.introspect(token))


@pytest.mark.parametrize("product", ["mlflow", "open-webui"])
def test_a_file_that_a_shell_reads_holds_nothing_that_it_acts_upon(acme, product):
    address = "https://a.example/cb?x=1;{touch,/tmp/pwned}&reboot#|(x)<y>z"
    row = add(acme, product=product, redirect_uris=(address,))
    [recipe] = [
        one for one in recipes_for(row, PRODUCTS[product], secret="s3cret") if "env" in one.name
    ]
    acted_upon = [line for line in recipe.text.splitlines() if not line.startswith("#")]
    assert not set("".join(acted_upon)) & set(";{}&|()<>$`#")
