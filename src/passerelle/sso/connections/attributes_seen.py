"""What a connection's sign-ins have shown of the attributes that its company's rules read."""

from datetime import datetime

from django.db import transaction

from passerelle.infra.tokens import digest
from passerelle.provisioning import absence
from passerelle.provisioning.model import Profile, Seen
from passerelle.sso.models import SamlConnection
from passerelle.sso.outbox.letters import tell_administrators


def state_of(connection: SamlConnection) -> absence.State:
    """What is known of the provider that the connection trusts now; nothing of one before it."""
    noted = connection.attributes_seen
    return noted["attributes"] if noted.get("of") == connection.idp_entity_id else {}


def left_out(connection: SamlConnection, profile: Profile) -> frozenset[str]:
    """The attributes whose absence speaks of this person only."""
    return absence.left_out(state_of(connection), digest(profile.subject or ""))


def note_attributes(connection: SamlConnection, seen: Seen, *, subject: str, now: datetime) -> None:
    """Note what one more sign-in has shown, where that is new, and tell what should be looked at.

    Outside the sign-in's own transaction: sign-ins must not queue for the connection's row.
    """
    person = digest(subject)
    if absence.after(state_of(connection), seen, person, now) == state_of(connection):
        return
    with transaction.atomic():
        row = SamlConnection.objects.select_for_update(no_key=True).get(id=connection.id)
        before = state_of(row)
        after = absence.after(before, seen, person, now)
        row.attributes_seen = {"of": row.idp_entity_id, "attributes": after}
        row.save(update_fields=["attributes_seen"])
        for name in absence.doubted(after):
            if name not in absence.doubted(before):
                tell_administrators(
                    "attribute_stopped",
                    connection.company,
                    now=now,
                    attribute=name,
                    connection=row.name,
                    slug=row.slug,
                )
