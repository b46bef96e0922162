"""What the forms of a connection say when something cannot be saved."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle.directory.models import Company
from passerelle.sso.connections.connection import MISSING_CERTIFICATE, MOST

OUR_METADATA = gettext_lazy(
    "This is our own metadata, which the identity provider reads. What belongs here comes from the "
    "identity provider: look in its console for its metadata."
)


ANOTHER_PROVIDER = gettext_lazy(
    "Another entity ID is another identity provider: its own certificates have to be given "
    "together with it."
)


def too_many(company: Company) -> str:
    """What is said to who makes one more than a company may have."""
    if company.connections.count() < MOST:
        return ""
    return _(
        "A company has at most %(limit)s connections. Delete one that nobody uses any more."
    ) % {"limit": MOST}


def would_break(missing: str) -> str:
    """Why a connection that people use is not saved like this."""
    if missing == MISSING_CERTIFICATE:
        return _(
            "This is the only certificate: nobody could sign in any more. Add another "
            "one first, or switch SAML SSO off."
        )
    return _("This connection is on and would stop working. Enter this, or switch SAML SSO off.")
