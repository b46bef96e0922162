"""Certificates that are about to expire are announced before anybody is locked out."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.mail.backends.smtp import EmailBackend

from passerelle.cli.diagnosis.installation import diagnose
from passerelle.sso.connections.connection import certificate_row
from passerelle.sso.models import ExpiryNotice, SamlConnection, SigningCertificate
from passerelle.sso.outbox.expiry_notices import notice_days, send_notices
from tests.browsing import Browser
from tests.world import (
    NOW,
    load_certificate_of,
    make_administrator,
    make_company,
    make_user,
)

pytestmark = pytest.mark.django_db


def ends_in(**left: float) -> None:
    SigningCertificate.objects.update(not_after=NOW + timedelta(**left))


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(days=31), None),
        (timedelta(days=30), 30),
        (timedelta(days=16), 30),
        (timedelta(days=15), 15),
        (timedelta(days=7), 7),
        (timedelta(days=3), 3),
        (timedelta(hours=25), 3),
        (timedelta(days=1), 1),
        (timedelta(0), 0),
        (timedelta(days=-9), 0),
    ],
)
def test_notices_come_at_30_15_7_3_and_1_days_and_when_it_is_over(left, days):
    assert notice_days(NOW + left, now=NOW) == days


def test_each_step_is_announced_once_to_every_administrator_in_both_languages(acme, mail):
    make_administrator(acme)
    make_administrator(acme, "bob@acme.example")
    make_user(acme, "member@acme.example")
    make_user(acme, "out@acme.example", is_administrator=True, status="suspended")
    ends_in(days=14, hours=3)
    assert [send_notices(NOW), send_notices(NOW)] == [1, 0]
    assert sorted(to for to, _ in mail) == [["admin@acme.example"], ["bob@acme.example"]]
    message = mail[0][1]
    assert message["Subject"] == "The certificate of Acme SSO at Acme expires on 14 February 2030"
    text = message.get_content()
    assert "Le certificat de la connexion SAML" in text
    assert "Get the identity provider’s next certificate" in text
    assert "/settings/security/?connection=acme" in text
    assert SigningCertificate.objects.get().fingerprint in text
    assert send_notices(NOW + timedelta(days=10)) == 1
    assert len(mail) == 4


def test_a_certificate_beside_it_that_lasts_makes_a_notice_needless(acme, mail):
    connection = acme.connections.get()
    ends_in(days=2)
    other = load_certificate_of("next")
    connection.certificates.create(
        company=acme,
        pem=other.pem,
        fingerprint=other.fingerprint,
        subject="",
        not_before=NOW,
        not_after=NOW + timedelta(days=300),
    )
    assert send_notices(NOW) == 0


def lasting_beside(connection: SamlConnection) -> None:
    """A certificate that ends in 2046, as an authority's does, beside the one there is."""
    other = certificate_row(connection, load_certificate_of("next"))
    other.not_after = NOW + timedelta(days=16 * 365)
    other.save()


def test_what_was_last_seen_signing_is_announced_whatever_lasts_beside_it(acme, mail):
    make_administrator(acme)
    connection = acme.connections.get()
    ends_in(days=5)
    SigningCertificate.objects.update(last_seen_at=NOW - timedelta(hours=1))
    seen = SigningCertificate.objects.get().fingerprint
    lasting_beside(connection)
    assert send_notices(NOW) == 1
    text = mail[0][1].get_content()
    assert seen in text
    assert "A later certificate is trusted here already." in text
    assert "Un certificat plus récent est déjà approuvé ici." in text
    shown = re.search(r'certificate_days_left\{connection="acme"\} (\S+)', metrics()[1])
    left = NOW + timedelta(days=5) - datetime.now(UTC)
    assert float(shown[1]) == pytest.approx(left.total_seconds() / 86400, abs=0.1)
    [finding] = [one for one in diagnose(now=NOW, deploy=False) if one.check == "certificate"]
    assert (finding.passed, finding.detail) == (
        False,
        "the certificate of acme/acme expires on 2030-02-05",
    )


def test_the_newer_of_two_that_were_seen_decides(acme):
    connection = acme.connections.get()
    ends_in(days=5)
    SigningCertificate.objects.update(last_seen_at=NOW - timedelta(days=2))
    lasting_beside(connection)
    connection.certificates.filter(not_after__gt=NOW + timedelta(days=5)).update(last_seen_at=NOW)
    assert send_notices(NOW) == 0
    [finding] = [one for one in diagnose(now=NOW, deploy=False) if one.check == "certificate"]
    assert finding.passed


def test_a_connection_that_is_off_is_not_announced(acme, mail):
    ends_in(days=2)
    SamlConnection.objects.update(enabled=False)
    assert send_notices(NOW) == 0


def test_a_mail_server_that_is_away_stops_nothing(acme, settings):
    make_administrator(acme)
    update = {"email_url": "smtp://127.0.0.1:9"}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=update)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    ends_in(days=2)
    assert send_notices(NOW) == 1
    assert ExpiryNotice.objects.get().days == 3


def metrics(**meta: str) -> tuple[int, str]:
    answer = Browser().get("/metrics", **meta)
    return answer.status_code, answer.content.decode()


def test_metrics_count_sign_ins_and_days_to_the_end_of_certificates(acme):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    Browser().sign_in(connection, fault="expired")
    status, text = metrics()
    assert status == 200
    assert 'passerelle_sign_ins_total{outcome="created",reason=""} 1' in text
    assert 'passerelle_sign_ins_total{outcome="refused",reason="expired"} 1' in text
    assert 'passerelle_users{status="active"} 1' in text
    assert 'passerelle_certificate_days_left{connection="acme"}' in text


def test_metrics_tell_of_metadata_that_needs_attention(acme):
    SamlConnection.objects.update(metadata_url="https://idp.example/", metadata_problem="gone")
    assert 'metadata_needs_attention{connection="acme"} 1.0' in metrics()[1]


def test_metrics_are_for_this_machine_unless_networks_are_named(settings):
    assert metrics(REMOTE_ADDR="192.0.2.7")[0] == 404
    update = {"metrics_networks": ("192.0.2.0/24",)}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=update)
    assert metrics(REMOTE_ADDR="192.0.2.7")[0] == 200
    assert metrics(REMOTE_ADDR="127.0.0.1")[0] == 404


def test_a_notice_that_was_made_costs_nothing_any_more(acme, django_assert_num_queries):
    make_company("globex")
    ends_in(days=14)
    assert send_notices(NOW) == 2
    with django_assert_num_queries(3):
        assert send_notices(NOW) == 0


def test_one_mailbox_that_is_refused_silences_no_other(acme, mail, monkeypatch):
    make_administrator(acme)
    make_administrator(acme, "bob@acme.example")
    ends_in(days=14)
    backend = "django.core.mail.backends.smtp.EmailBackend.send_messages"
    send, asked = EmailBackend.send_messages, []

    def refuse_the_first(self, messages):
        asked.append(messages)
        if len(asked) == 1:
            raise OSError("refused")
        return send(self, messages)

    monkeypatch.setattr(backend, refuse_the_first)
    assert send_notices(NOW) == 1
    assert len(mail) == 1
