"""Settings > E-mail domains: proved by a record that only the owner of a domain can add."""

import dns.resolver
import pytest

from passerelle.audit.models import AuditEvent
from passerelle.directory import domains
from passerelle.directory.domains import record_name, record_value
from passerelle.directory.models import Domain
from tests.browsing import Browser
from tests.servers.dns import NameServer, name_server
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/domains/"


@pytest.fixture
def dns_server(monkeypatch):
    """The name servers of the world, as far as these tests go: a real one, asked over UDP."""
    with name_server() as server:
        monkeypatch.setattr(dns.resolver, "get_default_resolver", server.resolver)
        yield server


def add(alice: Browser, acme, name: str = "sub.example") -> Domain:
    assert alice.post(PAGE, {"name": name}).status_code == 302
    return acme.domains.get(name=name)


def prove(browser: Browser, domain: Domain):
    return browser.post(f"{PAGE}{domain.id}/prove/")


def test_removing_says_first_what_is_lost(acme, alice):
    make_user(acme, "bob@acme.example")
    page = alice.get(PAGE).content.decode()
    assert "leads nobody of acme.example here any more" in page
    assert "2 accounts with such addresses stay." in page


def test_a_domain_is_added_its_record_shown_and_proved(acme, alice, dns_server: NameServer):
    domain = add(alice, acme, "New.Example".lower())
    page = alice.get(PAGE).content.decode()
    assert "_passerelle.new.example" in page
    assert record_value(domain) in page
    dns_server.texts[record_name(domain)] = ["something else", record_value(domain)]
    assert prove(alice, domain)["Location"].endswith("done=verified")
    domain.refresh_from_db()
    assert domain.verified_at is not None
    names = list(AuditEvent.objects.order_by("id").values_list("event", flat=True))
    assert names == ["domain:added", "domain:verified"]


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (None, "There is no such record yet"),
        ([], "There is no such record yet"),
        (["passerelle=wrong"], "The record says something else: passerelle=wrong"),
    ],
)
def test_what_does_not_prove_it_says_why(acme, alice, dns_server, texts, sentence):
    domain = add(alice, acme)
    if texts is not None:
        dns_server.texts[record_name(domain)] = texts
    answer = prove(alice, domain)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    domain.refresh_from_db()
    assert domain.verified_at is None


def test_name_servers_that_do_not_answer_are_said_to(acme, alice, monkeypatch):
    dead = dns.resolver.Resolver(configure=False)
    dead.nameservers, dead.port = ["127.0.0.1"], 9
    monkeypatch.setattr(dns.resolver, "get_default_resolver", lambda: dead)
    monkeypatch.setattr("passerelle.directory.domains.SECONDS", 0.3)
    assert "could not be asked" in prove(alice, add(alice, acme)).content.decode()


def test_the_record_of_one_company_proves_nothing_for_another(acme, alice, dns_server):
    globex = make_company("globex")
    mallory = Browser().enter(make_administrator(globex))
    ours, theirs = add(alice, acme), add(mallory, globex)
    assert record_value(ours) != record_value(theirs)
    dns_server.texts[record_name(ours)] = [record_value(ours)]
    assert prove(mallory, theirs).status_code == 422
    assert prove(alice, ours).status_code == 302
    dns_server.texts[record_name(ours)].append(record_value(theirs))
    assert "Another company" in prove(mallory, theirs).content.decode()


def test_two_companies_that_prove_it_at_once_do_not_both_have_it(
    acme, alice, dns_server, monkeypatch
):
    globex = make_company("globex")
    mallory = Browser().enter(make_administrator(globex))
    ours, theirs = add(alice, acme), add(mallory, globex)
    dns_server.texts[record_name(ours)] = [record_value(ours), record_value(theirs)]
    locked = domains.Company.objects

    class Meanwhile:
        """Right after the look at who else has it."""

        def select_for_update(self, **how):
            Domain.objects.filter(id=theirs.id).update(is_proved=True)
            return locked.select_for_update(**how)

    monkeypatch.setattr(domains.Company, "objects", Meanwhile())
    assert "Another company" in prove(alice, ours).content.decode()
    ours.refresh_from_db()
    assert ours.verified_at is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Enter a domain"),
        ("no domain", "is not a domain"),
        ("\0", "is not a domain"),
        ("x" * 300, "is not a domain"),
        ("gmail.com", "Anybody can have an address"),
        ("acme.example", "in the list already"),
    ],
)
def test_what_cannot_be_added_says_why(acme, alice, name, sentence):
    answer = alice.post(PAGE, {"name": name})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_a_domain_is_removed(acme, alice):
    domain = add(alice, acme)
    alice.post(f"{PAGE}{domain.id}/remove/")
    assert not Domain.objects.filter(name="sub.example").exists()


def test_a_proved_domain_leads_its_people_to_the_company(acme, alice, dns_server):
    make_company("globex")
    domain = add(alice, acme)
    sent = {"email": "somebody@sub.example"}
    assert Browser().post("/login/", sent).status_code == 422
    dns_server.texts[record_name(domain)] = [record_value(domain)]
    prove(alice, domain)
    assert Browser().post("/login/", sent)["Location"].startswith("/login/acme/")


def test_members_and_other_companies_may_not(acme, alice):
    domain = add(alice, acme)
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    mallory = Browser().enter(make_administrator(make_company("globex")))
    for way in ("prove", "remove"):
        assert member.post(f"{PAGE}{domain.id}/{way}/").status_code == 403
        assert mallory.post(f"{PAGE}{domain.id}/{way}/").status_code == 404
    assert member.get(PAGE).status_code == 403
