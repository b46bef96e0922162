"""One connection holds an identity provider; a second one only while an administrator migrates."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from passerelle.administration.connections import trust_certificate
from passerelle.administration.follow_metadata import follow
from passerelle.audit.events import EventName
from passerelle.audit.models import AuditEvent
from passerelle.audit.record import Actor
from passerelle.directory.models import ExternalIdentity, User
from passerelle.directory.walls import raise_walls, take_down_walls
from passerelle.oidc.losses import raise_triggers, take_down_triggers
from passerelle.practice_idp.issue import write_idp_metadata
from passerelle.sso.connections.connection import holder_of_provider
from passerelle.sso.connections.setup_links import make_link
from passerelle.sso.models import SamlConnection
from passerelle.web.settings.security_save import save_guide
from tests.browsing import Browser
from tests.world import (
    GRACE,
    NOW,
    idp_of,
    load_certificate_of,
    make_administrator,
    make_company,
    make_connection,
)

from .test_security_settings import PAGE, fields_of

pytestmark = pytest.mark.django_db
SECONDS_KEY = load_certificate_of("acme-2")
OTHERS_KEY = load_certificate_of("somebody else")


@pytest.fixture
def second(acme):
    """A draft beside Acme's connection, with another provider's key."""
    row = make_connection(acme, slug="acme-2", idp_entity_id=idp_of("two"), enabled=False)
    SamlConnection.objects.filter(id=row.id).update(name="Second")
    return SamlConnection.objects.get(id=row.id)


def link_to(connection: SamlConnection) -> str:
    by = make_administrator(connection.company, "maker@acme.example")
    return make_link(connection, actor=Actor("user", by.email), now=timezone.now())


def claim(browser: Browser, acme, second, **fields):
    """Save the second connection with the first one's identity provider."""
    acme.refresh_from_db()
    fields |= {"idp_entity_id": idp_of("acme"), "new_certificates": SECONDS_KEY.pem}
    values = fields_of(acme, connection=second, **fields)
    return browser.post(f"{PAGE}?connection={second.slug}", values)


def test_a_second_connection_cannot_claim_the_first_ones_provider(acme, alice, second):
    page = claim(alice, acme, second)
    assert page.status_code == 422
    text = page.content.decode()
    assert "“Acme SSO” trusts this identity provider already" in text
    assert 'name="migrates"' in text
    second.refresh_from_db()
    assert second.idp_entity_id == idp_of("two")


def test_an_administrator_who_is_told_what_it_means_can_start_a_migration(acme, alice, second):
    assert claim(alice, acme, second, migrates="on").status_code == 302
    second.refresh_from_db()
    assert second.idp_entity_id == idp_of("acme")
    assert second.migrating_since is not None
    changes = AuditEvent.objects.filter(event=EventName.SETTINGS_CHANGED).latest("id").details
    assert changes["saml.migrating_since"][0] is None
    page = alice.get(f"{PAGE}?connection={second.slug}").content.decode()
    assert 'id="migrates" name="migrates" checked' in page


def test_a_migration_is_ended_by_deleting_either_of_the_two(acme, alice, second):
    claim(alice, acme, second, migrates="on")
    first = acme.connections.get(slug="acme")
    SamlConnection.objects.filter(id=first.id).update(enabled=False)
    assert alice.post(f"/settings/connect/{first.slug}/delete/").status_code == 302
    second.refresh_from_db()
    assert second.migrating_since is None


@pytest.mark.parametrize("way", ["deleted", "moved"])
def test_when_the_holder_goes_the_oldest_of_those_that_migrate_holds(acme, alice, second, way):
    claim(alice, acme, second, migrates="on")
    third = make_connection(
        acme,
        slug="acme-3",
        idp_entity_id=idp_of("acme"),
        migrating_since=timezone.now(),
        enabled=False,
    )
    first = acme.connections.get(slug="acme")
    SamlConnection.objects.filter(id=first.id).update(enabled=False)
    if way == "deleted":
        assert alice.post(f"/settings/connect/{first.slug}/delete/").status_code == 302
    else:
        sent = {"name": "Elsewhere", "idp_entity_id": MOVED}
        assert alice.post(f"/settings/connect/{first.slug}/", sent).status_code == 302
    second.refresh_from_db()
    third.refresh_from_db()
    assert second.migrating_since is None
    assert third.migrating_since is not None
    newcomer = make_connection(acme, slug="acme-4", idp_entity_id="", enabled=False)
    newcomer.idp_entity_id = idp_of("acme")
    assert holder_of_provider(newcomer) == second


def test_during_a_migration_the_same_person_comes_by_either(acme, alice, second):
    claim(alice, acme, second, migrates="on", saml_enabled="on")
    assert Browser().sign_in(acme.connections.get(slug="acme")).status_code == 302
    second.refresh_from_db()
    assert Browser().sign_in(second).status_code == 302
    assert User.objects.filter(email=GRACE.email).count() == 1


def test_taking_the_tick_away_while_both_are_there_is_refused(acme, alice, second):
    claim(alice, acme, second, migrates="on")
    second.refresh_from_db()
    page = claim(alice, acme, second)
    assert page.status_code == 422


def test_a_set_up_link_cannot_claim_it_nor_learn_whose_it_is(acme, second):
    token = make_link(
        second,
        actor=Actor("user", make_administrator(acme, "link@acme.example").email),
        now=timezone.now(),
    )
    stranger = Browser()
    stranger.post(f"/setup/{token}/")
    sent = {
        "name": "Second",
        "idp_entity_id": idp_of("acme"),
        "target_url": "https://evil.example/sso",
        "new_certificates": OTHERS_KEY.pem,
        "migrates": "on",
    }
    page = stranger.post("/setup/", sent)
    assert page.status_code == 422
    text = page.content.decode()
    assert "This entity ID cannot be used here" in text
    assert "“Acme SSO” trusts" not in text and 'name="migrates"' not in text
    second.refresh_from_db()
    assert second.idp_entity_id == idp_of("two")


def test_metadata_that_is_followed_cannot_claim_it(acme, web, second):
    metadata = write_idp_metadata(
        entity_id=idp_of("acme"),
        sso_url="https://idp.acme.example/sso",
        certificate_der=OTHERS_KEY.der,
    )
    web.answers["/metadata"] = (200, metadata)
    second.certificates.all().delete()
    SamlConnection.objects.filter(id=second.id).update(
        idp_entity_id="", target_url="", metadata_url=web.url("/metadata")
    )
    second.refresh_from_db()
    follow(second, now=NOW)
    second.refresh_from_db()
    assert second.idp_entity_id == ""
    assert second.metadata_problem == "provider_held Acme SSO"


def test_the_database_refuses_it_whatever_asks(acme, second):
    rows = SamlConnection.objects.filter(id=second.id)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(idp_entity_id=idp_of("acme"))
    rows.update(idp_entity_id=idp_of("acme"), migrating_since=NOW)


def test_two_companies_may_have_one_provider(acme):
    globex = make_company("globex")
    row = globex.connections.get()
    row.idp_entity_id = idp_of("acme")
    row.save()
    assert SamlConnection.objects.filter(idp_entity_id=idp_of("acme")).count() == 2


MOVED = "https://new.example/idp"
NEW_KEY = load_certificate_of("new provider")


def moved(acme, **fields):
    """Acme's connection as it is, but with another identity provider, typed by hand."""
    acme.refresh_from_db()
    return fields_of(acme, idp_entity_id=MOVED, **fields)


def trusted_by(acme) -> set[str]:
    rows = acme.connections.get(slug="acme").certificates
    return set(rows.values_list("fingerprint", flat=True))


def test_another_provider_is_trusted_by_its_own_keys_alone(acme, alice):
    answer = alice.post(PAGE, moved(acme, new_certificates=NEW_KEY.pem))
    assert answer.status_code == 302
    assert trusted_by(acme) == {NEW_KEY.fingerprint}


def test_a_provider_that_only_took_another_name_is_given_its_certificate_again(acme, alice):
    same = load_certificate_of("acme")
    assert alice.post(PAGE, moved(acme, new_certificates=same.pem)).status_code == 302
    assert trusted_by(acme) == {same.fingerprint}


def test_the_guide_keeps_no_key_of_the_provider_before(acme, alice):
    sent = {
        "name": "Acme SSO",
        "idp_entity_id": MOVED,
        "target_url": "https://new.example/sso",
        "new_certificates": NEW_KEY.pem,
    }
    assert alice.post("/settings/connect/acme/", sent).status_code == 302
    assert trusted_by(acme) == {NEW_KEY.fingerprint}


@pytest.mark.parametrize("names", [(MOVED,), ("", MOVED)])
def test_a_set_up_link_keeps_no_key_of_the_provider_before(acme, second, names):
    token = make_link(
        second,
        actor=Actor("user", make_administrator(acme, "link@acme.example").email),
        now=timezone.now(),
    )
    stranger = Browser()
    stranger.post(f"/setup/{token}/")
    for name in names:
        sent = {"name": "Second", "idp_entity_id": name, "target_url": second.target_url}
        assert stranger.post("/setup/", sent).status_code == 302
    assert not second.certificates.exists()
    assert "a certificate" in stranger.get("/setup/").content.decode()


def test_a_connection_that_is_on_moves_only_with_a_certificate(acme, alice):
    page = alice.post(PAGE, moved(acme))
    assert page.status_code == 422
    text = page.content.decode()
    assert "Another entity ID is another identity provider" in text
    assert trusted_by(acme) == {load_certificate_of("acme").fingerprint}


def test_a_key_that_was_accepted_while_the_move_was_typed_goes_as_well(acme, alice, monkeypatch):
    """The guide is saved whatever has become of the connection in the meantime."""

    def accept_late(form, **keywords):
        late = load_certificate_of("late")
        trust_certificate(form.connection, late, actor=Actor("user", "bob"), now=NOW)
        return save_guide(form, **keywords)

    monkeypatch.setattr("passerelle.web.settings.connect.save_guide", accept_late)
    sent = {"name": "Acme SSO", "idp_entity_id": MOVED, "target_url": "https://new.example/sso"}
    sent["new_certificates"] = NEW_KEY.pem
    assert alice.post("/settings/connect/acme/", sent).status_code == 302
    assert trusted_by(acme) == {NEW_KEY.fingerprint}


def test_the_guide_says_before_saving_which_certificates_go(acme, alice):
    old = load_certificate_of("acme").fingerprint
    fields = moved(acme, new_certificates=NEW_KEY.pem)
    looked_at = alice.post("/settings/connect/acme/check/", fields).content.decode()
    assert "these certificates are not trusted any more" in looked_at
    assert old in looked_at
    stays = alice.post("/settings/connect/acme/check/", fields_of(acme)).content.decode()
    assert old not in stays


GOOGLE = "https://accounts.google.com"


def google_metadata() -> bytes:
    return write_idp_metadata(
        entity_id=GOOGLE, sso_url="https://evil.example/sso", certificate_der=OTHERS_KEY.der
    )


@pytest.mark.parametrize(
    "fields", [{"idp_entity_id": GOOGLE}, {"metadata": google_metadata().decode()}]
)
def test_no_connection_holds_the_issuer_of_google_sso(acme, alice, fields):
    """People who come by Google are known by it: their identifiers are nobody else's to say."""
    fields = {"new_certificates": OTHERS_KEY.pem, **fields}
    page = alice.post(PAGE, fields_of(acme, **fields))
    assert page.status_code == 422
    assert "This is Google’s own address for Google SSO" in page.content.decode()
    assert acme.connections.get().idp_entity_id == idp_of("acme")


def test_a_google_workspace_is_a_provider_like_any_other(acme, alice):
    workspace = f"{GOOGLE}/o/saml2?idpid=C01abc"
    fields = fields_of(acme, idp_entity_id=workspace, new_certificates=NEW_KEY.pem)
    assert alice.post(PAGE, fields).status_code == 302


def test_metadata_that_is_followed_cannot_claim_google(acme, web, second):
    web.answers["/metadata"] = (200, google_metadata())
    second.certificates.all().delete()
    SamlConnection.objects.filter(id=second.id).update(
        idp_entity_id="", target_url="", metadata_url=web.url("/metadata")
    )
    second.refresh_from_db()
    follow(second, now=NOW)
    second.refresh_from_db()
    assert second.idp_entity_id == ""
    assert second.metadata_problem.startswith("metadata_of_google")


def test_the_database_lets_no_connection_claim_google(acme):
    with pytest.raises(IntegrityError), transaction.atomic():
        acme.connections.update(idp_entity_id=GOOGLE)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_claimed_google_is_off_and_knows_nobody():
    take_down_walls(connection)
    take_down_triggers(connection)
    executor = MigrationExecutor(connection)
    before = [
        ("sso", "0012_addresses_that_came_by_link"),
        ("directory", "0008_same_person"),
    ]
    executor.migrate(before)
    model = executor.loader.project_state(before).apps.get_model
    company = model("directory", "Company").objects.create(slug="a", name="A", created_at=NOW)
    claimed = model("sso", "SamlConnection").objects.create(
        company_id=company.id, slug="a", name="A", idp_entity_id=GOOGLE, created_at=NOW
    )
    for email, by in (("mallory@a.example", claimed.id), ("alice@a.example", None)):
        user = model("directory", "User").objects.create(
            company_id=company.id, email=email, email_key=email, status="active", created_at=NOW
        )
        model("directory", "ExternalIdentity").objects.create(
            company_id=company.id,
            connection_id=by,
            user_id=user.id,
            idp_entity_id=GOOGLE,
            subject=email,
            created_at=NOW,
        )
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    raise_walls(connection)
    raise_triggers(connection)
    row = SamlConnection.objects.get()
    assert (row.idp_entity_id, row.enabled) == ("", False)
    assert [one.subject for one in ExternalIdentity.objects.all()] == ["alice@a.example"]


@pytest.mark.django_db(transaction=True)
def test_connections_that_shared_one_before_go_on_as_a_migration():
    # As `migrate` does: SQLite makes some tables anew.
    take_down_walls(connection)
    take_down_triggers(connection)
    executor = MigrationExecutor(connection)
    executor.migrate([("sso", "0006_trials_links_and_local_sign_in")])
    apps = executor.loader.project_state([("sso", "0006_trials_links_and_local_sign_in")]).apps
    company = apps.get_model("directory", "Company").objects.create(
        slug="acme", name="Acme", created_at=NOW
    )
    for number in range(2):
        apps.get_model("sso", "SamlConnection").objects.create(
            company_id=company.id,
            slug=f"acme-{number}",
            name=f"Acme {number}",
            idp_entity_id=idp_of("acme"),
            created_at=NOW + timedelta(days=number),
        )
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    raise_walls(connection)
    raise_triggers(connection)
    first, later = SamlConnection.objects.order_by("created_at")
    assert (first.migrating_since, later.migrating_since) == (None, later.created_at)
