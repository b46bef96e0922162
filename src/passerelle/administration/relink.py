"""A known person comes with another identifier: an administrator says that they are the same.

It happens when the provider sends another NameID format, or when somebody was made anew in its
directory. The identity that a refused sign-in proved takes the place of the one that is known; the
account stays what it is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KT

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.marks import mark_of_person
from passerelle.directory.models import Company, ExternalIdentity, User
from passerelle.sso.connections.claims import profile_of_claims, still_prove
from passerelle.sso.models import SignIn, SigningCertificate

REASON = "identity_conflict"
SHOWN = 200
"""Of one company's at most, the newest first."""
AT_ONCE = 20
"""So many are held with all that was said of them."""


@dataclass(frozen=True, slots=True)
class Relink:
    """What replacing would do: this identity of this user gets another subject."""

    row: SignIn
    user: User
    known: ExternalIdentity
    subject: str
    person_mark: str


def relink_of(row: SignIn) -> Relink | None:
    """What this refused sign-in could replace, as things are now."""
    connection = row.connection
    if row.reason != REASON or row.claims is None or connection is None or not connection.enabled:
        return None
    profile = profile_of_claims(row.claims, connection)
    # Claims that mean another identity by now prove nothing of it.
    if profile.subject is None or not still_prove(row.claims, profile, connection):
        return None
    identities = ExternalIdentity.objects.filter(
        company_id=row.company_id, idp_entity_id=profile.idp_entity_id
    ).select_related("user__company")
    if identities.filter(subject=profile.subject).exists():
        return None
    keys = [email.key for email in profile.emails]
    found = list(identities.filter(user__email_key__in=keys)[:2])
    if len(found) != 1:
        return None
    person = profile.person
    mark = mark_of_person(row.company_id, profile.idp_entity_id, person) if person else ""
    return Relink(row, found[0].user, found[0], profile.subject, mark)


def relinks(company: Company, *, now: datetime) -> list[Relink]:
    """Everybody who is refused for this now, by their newest attempt; without its claims."""
    refused = SignIn.objects.filter(
        company=company, reason=REASON, claims__isnull=False, time__gt=now - timedelta(days=30)
    )
    # Those that a key signed which is not trusted any more take no place from the others.
    trusted = SigningCertificate.objects.filter(
        connection=OuterRef("connection"), fingerprint=OuterRef("signer")
    )
    refused = refused.annotate(signer=KT("claims__signed_with")).filter(Exists(trusted))
    newest: dict[object, Relink] = {}
    whose = refused.select_related("connection", "company").defer("connection__metadata_held")
    rows = whose.order_by("-time", "-id")[:SHOWN]
    for start in range(0, SHOWN, AT_ONCE):
        some = list(rows[start : start + AT_ONCE])
        for row in some:
            if (found := relink_of(row)) and found.known.id not in newest:
                newest[found.known.id] = found
            row.claims = None
        if len(some) < AT_ONCE:
            break
    return list(newest.values())


@transaction.atomic
def replace_identity(row: SignIn, *, actor: Actor, now: datetime) -> bool:
    """Put the proved identity in the place of the known one; false where that cannot be any more.

    The sessions that the known one opened end.
    """
    Company.locked(row.company_id)
    proved = SignIn.objects.select_related("connection", "company").filter(id=row.id).first()
    found = relink_of(proved) if proved else None
    if found is None:
        return False
    known = found.known
    details = {
        "reference": row.reference,
        "provider": known.idp_entity_id,
        "identity": [known.subject, found.subject],
    }
    known.subject, known.connection, known.created_at = found.subject, row.connection, now
    known.sent_attributes, known.person_mark, known.duplicate_of = None, found.person_mark, None
    known.save()
    end_sessions_by(known)
    entry = Entry(EventName.IDENTITY_REPLACED, found.user.email, details)
    record([entry], company_id=row.company_id, actor=actor, now=now)
    return True


@transaction.atomic
def remove_identity(identity: ExternalIdentity, *, actor: Actor, now: datetime) -> None:
    """Forget that this subject is this user; the account, its rights and its password stay."""
    Company.locked(identity.company_id)
    details = {"provider": identity.idp_entity_id, "identity": [identity.subject, None]}
    end_sessions_by(identity)
    # An invitation that single sign-on has answered is not open again without it.
    identity.user.end_links()
    identity.delete()
    entry = Entry(EventName.IDENTITY_REMOVED, identity.user.email, details)
    record([entry], company_id=identity.company_id, actor=actor, now=now)


def end_sessions_by(identity: ExternalIdentity) -> None:
    """End the sessions that were opened by this identity."""
    sessions = identity.user.sessions
    sessions.filter(connection__idp_entity_id=identity.idp_entity_id).delete()
    if identity.connection_id is None:
        # Google's, or those of a connection that is gone.
        sessions.filter(by_google=True).delete()
