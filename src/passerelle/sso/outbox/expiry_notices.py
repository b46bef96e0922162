"""Announce certificates that are about to expire, before anybody is locked out."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from passerelle.directory.models import Company, User
from passerelle.infra.identifiers import uuid7
from passerelle.infra.inserts import insert_or_nothing
from passerelle.sso.models import ExpiryNotice, SamlConnection, SigningCertificate

log = logging.getLogger("passerelle")

NOTICE_DAYS = (30, 15, 7, 3, 1, 0)
EXPIRY_NOTICE = timedelta(days=NOTICE_DAYS[0])


def signing_certificate(certificates: Iterable[SigningCertificate]) -> SigningCertificate | None:
    """The certificate that was last seen signing; where none was seen, the one valid longest.

    What else is listed may be an authority's, or one that the identity provider has not used yet.
    """
    every = list(certificates)
    seen = [(one.last_seen_at, one.not_after, one) for one in every if one.last_seen_at]
    if seen:
        return max(seen, key=lambda found: found[:2])[2]
    return max(every, key=lambda one: one.not_after, default=None)


def notice_days(not_after: datetime, *, now: datetime) -> int | None:
    """The notice that is due: 30, 15, 7, 3, 1 or 0 days before the end; none while it is far."""
    left = not_after - now
    due = [days for days in NOTICE_DAYS if left <= timedelta(days=days)]
    return min(due) if due else None


def _near(now: datetime) -> "QuerySet[SamlConnection]":
    """Connections in use that have a certificate near its end; not always the one that counts."""
    ending = SigningCertificate.objects.filter(not_after__lte=now + EXPIRY_NOTICE)
    return SamlConnection.objects.filter(enabled=True, id__in=ending.values("connection_id"))


def ending_soon(company: Company, *, now: datetime) -> list[tuple[SamlConnection, datetime]]:
    """The company's connections whose certificate ends within a month or has ended, and when."""
    rows = _near(now).filter(company=company).defer("metadata_held")
    found = [(row, signing_certificate(row.certificates.all())) for row in rows]
    return [
        (row, one.not_after) for row, one in found if one and one.not_after <= now + EXPIRY_NOTICE
    ]


def send_notices(now: datetime) -> int:
    """Announce each step once, by log and by e-mail; return how many were announced."""
    sent = 0
    near = _near(now)
    connections = near.select_related("company").defer("metadata_held")
    made = set(
        ExpiryNotice.objects.filter(connection__in=near.values("id")).values_list(
            "connection_id", "fingerprint", "days"
        )
    )
    for connection in connections.prefetch_related("certificates"):
        certificate = signing_certificate(connection.certificates.all())
        if certificate is None:
            continue
        days = notice_days(certificate.not_after, now=now)
        if days is None or (connection.id, certificate.fingerprint, days) in made:
            continue
        notice = ExpiryNotice(
            id=uuid7(),
            company_id=connection.company_id,
            connection=connection,
            fingerprint=certificate.fingerprint,
            days=days,
            sent_at=now,
        )
        if insert_or_nothing(notice):
            _announce(connection, certificate, now)
            sent += 1
    return sent


def _announce(connection: SamlConnection, certificate: SigningCertificate, now: datetime) -> None:
    end = certificate.not_after
    state = "expired" if end <= now else "expires"
    company = connection.company
    log.warning(
        "the certificate of %s/%s %s on %s",
        company.slug,
        connection.slug,
        state,
        f"{end:%Y-%m-%d}",
    )
    administrators = User.objects.filter(
        company=company, is_administrator=True, status=User.Status.ACTIVE
    )
    if settings.PASSERELLE.email_url and administrators:
        to = [administrator.address.mailbox for administrator in administrators]
        _mail(connection, certificate, to, expired=end <= now)


def settings_address(connection: SamlConnection) -> str:
    base = settings.PASSERELLE.base_url
    return f"{base}{reverse('security')}?connection={connection.slug}"


def _mail(
    connection: SamlConnection, certificate: SigningCertificate, to: list[str], *, expired: bool
) -> None:
    """One message to each, in both languages: nobody has told us which they read."""
    context = {
        "connection": connection,
        "company": connection.company,
        "certificate": certificate,
        "has_next": any(
            one.not_after > certificate.not_after for one in connection.certificates.all()
        ),
        "expired": expired,
        "address": settings_address(connection),
    }
    texts, subjects = [], []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            lines = render_to_string("expiry_notice.txt", context).strip()
            subject, _, text = lines.partition("\n")
            subjects.append(subject)
            texts.append(text.strip())
    body = "\n\n————\n\n".join(texts)
    messages = [EmailMessage(subjects[0], body, None, [one]) for one in to]
    for message in messages:
        try:
            get_connection().send_messages([message])
        except OSError as error:
            # The page, `check` and the log say the same; nobody's mailbox silences another's.
            log.error("an expiry notice could not be sent by e-mail: %s", error)
