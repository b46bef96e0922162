"""Our private keys: sealed at rest, rotated with overlap, published in our metadata."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from lxml import etree

from passerelle import saml
from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.cli.diagnosis.installation import diagnose
from passerelle.infra.sealing import CannotUnseal, seal, unseal
from passerelle.jobs.housekeeping import purge
from passerelle.saml import xmldsig
from passerelle.sso.connections import keys
from passerelle.sso.connections.keys import (
    OVERLAP,
    TooSoon,
    make_key,
    new_private_key,
    own_keys,
    rotate_key,
    signing_key,
)
from passerelle.sso.models import ConnectionKey, SamlConnection, SignIn
from passerelle.web.settings import security
from tests.browsing import Browser, as_shown
from tests.world import NOW, make_administrator, make_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_company().connections.select_related("company").get()


def test_a_secret_is_read_only_for_its_purpose():
    sealed = seal(b"secret", purpose="row 1")
    assert unseal(sealed, purpose="row 1") == b"secret"
    assert "secret" not in sealed
    for wrong in (sealed[:-5] + "AAAA=", "v2:" + sealed[3:], "", "v1:!", "v1:"):
        with pytest.raises(CannotUnseal):
            unseal(wrong, purpose="row 1")
    with pytest.raises(CannotUnseal):
        unseal(sealed, purpose="row 2")


def test_a_secret_key_that_changed_unseals_nothing(settings):
    sealed = seal(b"secret", purpose="row")
    settings.SECRET_KEY = "another one, which is long enough too"
    with pytest.raises(CannotUnseal):
        unseal(sealed, purpose="row")


def test_the_first_key_is_made_when_it_is_needed_and_only_once(acme):
    first = signing_key(acme, now=NOW)
    make_key(acme, now=NOW)
    assert signing_key(acme, now=NOW).certificate == first.certificate
    assert ConnectionKey.objects.count() == 1


def test_no_private_key_stands_in_the_database_in_the_clear(acme):
    signing_key(acme, now=NOW)
    with database.cursor() as cursor:
        cursor.execute("SELECT sealed_private_key FROM sso_connectionkey")
        [(kept,)] = cursor.fetchall()
    assert kept.startswith("v1:")
    assert b"PRIVATE" not in base64.b64decode(kept[3:])


def test_a_rotated_key_is_published_at_once_signs_later_and_outlives_nobody(acme):
    old = signing_key(acme, now=NOW).certificate
    rotate_key(acme, new_private_key(), actor=OPERATOR, now=NOW)
    published = [one.certificate for one in own_keys(acme, now=NOW)]
    new = published[0]
    assert published == [new, old]
    assert signing_key(acme, now=NOW).certificate == old
    assert signing_key(acme, now=NOW + OVERLAP - timedelta(seconds=1)).certificate == old
    assert signing_key(acme, now=NOW + OVERLAP).certificate == new
    late = NOW + 2 * OVERLAP
    assert [one.certificate for one in own_keys(acme, now=late - timedelta(seconds=1))] == published
    assert [one.certificate for one in own_keys(acme, now=late)] == [new]
    assert AuditEvent.objects.get().event == "connection:key_rotated"


def test_two_rotations_at_once_leave_three_keys_and_one_that_stays(acme):
    signing_key(acme, now=NOW)
    rotate_key(acme, new_private_key(), actor=OPERATOR, now=NOW)
    rotate_key(acme, new_private_key(), actor=OPERATOR, now=NOW)
    assert len(own_keys(acme, now=NOW)) == 3
    assert len(own_keys(acme, now=NOW + 2 * OVERLAP)) == 1


def test_our_metadata_publishes_the_keys_and_is_signed_with_one_of_them(acme):
    answer = Browser().get("/auth/saml/acme/metadata")
    root = etree.fromstring(answer.content)
    [key] = own_keys(acme_again(acme), now=NOW)
    certificates = {
        base64.b64decode(one.text)
        for descriptor in root.iter("{*}KeyDescriptor")
        for one in descriptor.iter("{*}X509Certificate")
    }
    assert certificates == {key.certificate.der}
    assert xmldsig.verify(root[0], (key.certificate,)).element.get("entityID")


def test_our_metadata_is_read_again_before_a_key_signs_that_it_does_not_hold(acme):
    document = etree.fromstring(Browser().get("/auth/saml/acme/metadata").content)
    ends = datetime.fromisoformat(document.get("validUntil"))
    assert timedelta(days=7) < ends - datetime.now(UTC) <= OVERLAP


def test_our_metadata_as_a_file_has_no_end(acme):
    answer = Browser().get("/auth/saml/acme/metadata?file")
    assert etree.fromstring(answer.content).get("validUntil") is None
    assert answer["Content-Disposition"] == 'attachment; filename="passerelle-acme-metadata.xml"'


def test_the_certificate_that_signs_now_can_be_downloaded(acme):
    first = signing_key(acme, now=datetime.now(UTC)).certificate
    rotate_key(acme, new_private_key(), actor=OPERATOR, now=datetime.now(UTC))
    answer = Browser().get("/auth/saml/acme/certificate")
    assert answer.content.decode() == first.pem
    assert answer["Content-Disposition"] == 'attachment; filename="passerelle-acme.pem"'
    assert Browser().get("/auth/saml/nobody/certificate").status_code == 404


def test_settings_and_guide_show_our_certificate_and_where_to_download_it(acme):
    alice = Browser().enter(make_administrator(acme.company))
    pem = signing_key(acme, now=NOW).certificate.pem.strip()
    for page in ("/settings/security/", "/settings/connect/acme/"):
        content = alice.get(page).content.decode()
        assert pem in content
        assert "/auth/saml/acme/certificate" in content
        assert "/auth/saml/acme/metadata?file" in content


def acme_again(connection):
    return type(connection).objects.select_related("company").get(id=connection.id)


def test_a_certificate_of_ours_can_be_loaded_like_anybodys(acme):
    pem = ConnectionKey.objects.filter(connection=acme).values_list("certificate_pem", flat=True)
    signing_key(acme, now=NOW)
    assert saml.load_certificate(pem.get()).subject == "CN=Passerelle acme"


def test_with_another_secret_key_people_still_come_in_and_the_operator_is_told(acme, settings):
    signing_key(acme, now=NOW)
    acme.sign_requests = True
    acme.save()
    settings.SECRET_KEY = "another one, which is long enough too"
    acme.company.version += 1
    acme.company.save()
    acme.refresh_from_db()
    assert own_keys(acme, now=NOW) == ()
    metadata = Browser().get("/auth/saml/acme/metadata")
    assert metadata.status_code == 200
    assert b"KeyDescriptor" not in metadata.content
    assert Browser().get("/auth/saml/acme/login").status_code == 403
    assert SignIn.objects.get().checks[-1]["received"] == "a key of ours that cannot be read"
    [finding] = [one for one in diagnose(now=NOW, deploy=False) if one.check == "keys"]
    assert (finding.passed, "acme" in finding.detail) == (False, True)
    rotate_key(acme, new_private_key(), actor=OPERATOR, now=NOW)
    [key] = own_keys(acme, now=NOW)
    assert signing_key(acme, now=NOW) == key
    assert Browser().get("/auth/saml/acme/login").status_code == 302


def test_only_a_few_keys_are_in_use_at_once(acme):
    for day in range(8):
        rotate_key(acme, new_private_key(), actor=OPERATOR, now=NOW + timedelta(hours=day))
    assert len(own_keys(acme, now=NOW + timedelta(hours=9))) == 4


def test_three_keys_are_made_within_ten_minutes_and_another_one_after_them(acme):
    signing_key(acme, now=NOW)
    for minute in (1, 2):
        now = NOW + timedelta(minutes=minute)
        rotate_key(acme, new_private_key(), actor=OPERATOR, now=now)
    now = NOW + timedelta(minutes=9)
    with pytest.raises(TooSoon):
        rotate_key(acme, new_private_key(), actor=OPERATOR, now=now)
    assert ConnectionKey.objects.count() == 3
    rotate_key(acme, new_private_key(), actor=OPERATOR, now=NOW + timedelta(minutes=10))
    assert ConnectionKey.objects.count() == 4


def test_keys_that_serve_no_more_are_deleted_and_no_others(acme):
    signing_key(acme, now=NOW)
    rotate_key(acme, new_private_key(), actor=OPERATOR, now=NOW)
    retired = NOW + 2 * OVERLAP
    purge(retired)
    assert ConnectionKey.objects.count() == 2
    purge(retired + timedelta(days=1, seconds=1))
    assert ConnectionKey.objects.get().retires_at is None


def test_a_key_is_made_before_anything_is_locked(acme, monkeypatch):
    held = []
    real = keys.new_private_key

    def making():
        held.append(len(database.savepoint_ids))
        return real()

    outside = len(database.savepoint_ids)
    for module in (keys, security):
        monkeypatch.setattr(module, "new_private_key", making)
    make_key(acme, now=NOW)
    alice = Browser().enter(make_administrator(acme.company))
    alice.post("/settings/security/key/?connection=acme")
    assert held == [outside, outside]
    assert ConnectionKey.objects.count() == 2


@pytest.fixture
def made_inside(monkeypatch) -> list[int]:
    """For each key that is made, how many transactions it was made in, besides the test's own."""
    found, around = [], len(database.savepoint_ids)

    def noted():
        found.append(len(database.savepoint_ids) - around)
        return new_private_key()

    monkeypatch.setattr("passerelle.sso.connections.keys.new_private_key", noted)
    return found


def in_the_guide(alice):
    alice.post("/settings/connect/", {"product": "okta"})


def by_saving_the_guide(alice):
    connection = SamlConnection.objects.get()
    values = {name: getattr(connection, name) for name in ("idp_entity_id", "target_url")}
    sent = alice.post("/settings/connect/acme/", {**values, "name": "Renamed"})
    assert sent.status_code == 302


def on_the_settings_page(alice):
    page = "/settings/security/?connection=new"
    alice.post(page, {**as_shown(alice, page), "name": ["Second"]})


@pytest.mark.parametrize("save", [in_the_guide, by_saving_the_guide, on_the_settings_page])
def test_the_first_key_of_a_connection_is_made_while_nobody_waits_for_the_company(
    acme, save, made_inside, django_capture_on_commit_callbacks
):
    alice = Browser().enter(make_administrator(acme.company))
    with django_capture_on_commit_callbacks(execute=True):
        save(alice)
    assert made_inside == [0]
    assert ConnectionKey.objects.count() == 1
