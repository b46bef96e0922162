"""Sentences about metadata and certificates that cannot be used."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle.saml import SAMLError
from passerelle.sso.explain import PHRASES

_SENTENCES = {
    "metadata_malformed": gettext_lazy("This is not SAML metadata. Received: %(received)s."),
    "metadata_no_idp": gettext_lazy(
        "This metadata describes no identity provider. Received: %(received)s."
    ),
    "metadata_ambiguous": gettext_lazy(
        "This metadata describes several identity providers (%(received)s). Paste only the "
        "EntityDescriptor of yours."
    ),
    "metadata_no_certificate": gettext_lazy(
        "This metadata holds no usable signing certificate. Received: %(received)s."
    ),
    "metadata_no_sso_url": gettext_lazy(
        "This metadata holds no usable sign-in address. Received: %(received)s."
    ),
    "metadata_expired": gettext_lazy(
        "This metadata has ended. Received: %(received)s. Ask whoever runs the identity provider "
        "for a current one."
    ),
    "metadata_too_long": gettext_lazy(
        "The entity ID in this metadata is too long. Received: %(received)s."
    ),
    "certificate_malformed": gettext_lazy(
        "This is not a certificate in PEM form, which starts with -----BEGIN CERTIFICATE-----. "
        "Received: %(received)s."
    ),
    "certificate_key_weak": gettext_lazy(
        "The key of this certificate is not safe enough. Expected: RSA with at least 2048 bits, or "
        "P-256, P-384 or P-521. Received: %(received)s."
    ),
}


def metadata_sentence(error: SAMLError) -> str:
    template = _SENTENCES.get(error.reason)
    if template is None:
        return _("This cannot be used: %(reason)s.") % {"reason": error.reason}
    received = error.received or "–"
    return str(template) % {"received": _(received) if received in PHRASES else received}
