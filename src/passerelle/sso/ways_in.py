"""By which ways somebody could still come in, if one of them were taken away."""

from passerelle.directory.models import User
from passerelle.sso import google
from passerelle.sso.connections import usable_connections


class NoOtherWayIn(Exception):  # noqa: N818 - reads as what is the matter
    """Somebody would have no way left to come in by."""


def has_another_way_in(user: User) -> bool:
    """Whether somebody has come by single sign-on, and by one that still lets them in."""
    providers = [one.idp_entity_id for one in usable_connections(user.company)]
    if google.is_usable(user.company):
        providers.append(google.ISSUER)
    return user.identities.filter(idp_entity_id__in=providers).exists()
