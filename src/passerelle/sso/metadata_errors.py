"""Sentences about metadata and certificates that cannot be used."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle.saml import SAMLError
from passerelle.sso.explain import PHRASES
from passerelle.sso.fetch import FetchError

NOT_XML = "not_xml"
_SENTENCES = {
    "metadata_malformed": gettext_lazy("This is not SAML metadata. Received: %(received)s."),
    NOT_XML: gettext_lazy(
        "This is not SAML metadata, or not all of it: it goes from a first “<” to a last “>”."
    ),
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
    "provider_held": gettext_lazy(
        "“%(received)s” trusts this identity provider already. Delete one of the two connections, "
        "or enter the values by hand and start a migration."
    ),
    "certificates_many": gettext_lazy(
        "A connection has at most 20 certificates. Received: %(received)s. Remove those that are "
        "not needed any more."
    ),
    "certificate_malformed": gettext_lazy(
        "This is not a certificate in PEM form, which starts with -----BEGIN CERTIFICATE-----. "
        "Received: %(received)s."
    ),
    "fetch_not_https": gettext_lazy(
        "“%(received)s” is not an address that starts with https:// and can be read."
    ),
    "fetch_not_from_here": _(
        "That address cannot be read from here. Choose the metadata file, or paste it."
    ),
    "fetch_unreachable": gettext_lazy(
        "“%(received)s” is not known here, or not in a public network. Whoever runs this service "
        "can allow a private one with PASSERELLE_PRIVATE_NETWORKS."
    ),
    "fetch_busy": gettext_lazy(
        "Other addresses are being read for your company at the moment. Try again in a few seconds."
    ),
    "fetch_slow": gettext_lazy("There was no answer within %(received)s seconds."),
    "fetch_untrusted": gettext_lazy(
        "The certificate of this server is not trusted. Received: %(received)s."
    ),
    "fetch_no_answer": gettext_lazy("There was no answer. Received: %(received)s."),
    "fetch_status": gettext_lazy("Expected status 200, received %(received)s."),
    "fetch_too_large": gettext_lazy(
        "The document is too large: metadata has at most %(received)s bytes."
    ),
    "certificate_key_weak": gettext_lazy(
        "The key of this certificate is not safe enough. Expected: RSA with at least 2048 bits, or "
        "P-256, P-384 or P-521. Received: %(received)s."
    ),
}


def metadata_sentence(error: SAMLError | FetchError) -> str:
    return _sentence(error.reason, error.received or "")


def noted(error: SAMLError | FetchError) -> str:
    """A problem, short enough to be kept until somebody reads it in their language."""
    return f"{error.reason} {error.received or ''}".strip()[:500]


def noted_sentence(text: str) -> str:
    """The sentence for a problem that was kept."""
    reason, _separator, received = text.partition(" ")
    return _sentence(reason, received)


def _sentence(reason: str, received: str) -> str:
    if reason == "metadata_malformed" and " " in received:
        # What the parser says of it helps nobody who does not read XML.
        reason = NOT_XML
    template = _SENTENCES.get(reason)
    if template is None:
        return _("This cannot be used: %(reason)s.") % {"reason": reason}
    shown = _(received) if received in PHRASES else received
    return str(template) % {"received": shown or "–"}
