"""Sentences about metadata and certificates that cannot be used."""

from collections.abc import Iterable
from itertools import islice

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from passerelle.infra.fetch import FetchError
from passerelle.saml import SAMLError
from passerelle.sso.records.explain import PHRASES

NOT_XML = "not_xml"
# What `saml` calls things that it cannot show.
_PHRASES = (
    gettext_noop("bytes that are not UTF-8"),
    gettext_noop("a document that is not an X.509 certificate"),
)
MAX_NOTED = 20
"""Problems of one document that are kept."""
_SENTENCES = {
    "metadata_malformed": gettext_lazy("This is not SAML metadata. Received: %(received)s."),
    NOT_XML: gettext_lazy(
        "This is not SAML metadata, or not all of it: it goes from a first “<” to a last “>”."
    ),
    "metadata_empty": gettext_lazy(
        "This document is empty. Open the address of the metadata in a browser, save what it "
        "shows, and choose that file."
    ),
    "metadata_too_large": gettext_lazy(
        "This is too large: metadata has at most 2 MB. Received: %(received)s. Paste only the "
        "EntityDescriptor of your identity provider."
    ),
    "metadata_web_page": gettext_lazy(
        "This is a web page (“%(received)s”), not metadata. Metadata is XML and begins with "
        "EntityDescriptor. If a console or a sign-in page opened at this address, look there for "
        "“Metadata” and copy that address, or download the file."
    ),
    "metadata_saved_page": gettext_lazy(
        "This is a saved web page, not metadata. Open the address of the metadata again and save "
        "it as XML or as “page source”."
    ),
    "metadata_encoding": gettext_lazy(
        "This metadata is not written in UTF-8. Received: %(received)s. Open it in a text editor, "
        'remove encoding="…" from its first line, and save it as UTF-8.'
    ),
    "metadata_instruction": gettext_lazy(
        "This metadata holds an instruction for browsers, which is not accepted: %(received)s. "
        "Remove it, from “<?” to “?>”, and try again."
    ),
    "metadata_doctype": gettext_lazy(
        "This metadata holds a document type, which is not accepted. Remove it, from “<!DOCTYPE” "
        "to “>”, and try again."
    ),
    "metadata_namespace": gettext_lazy(
        "This looks like metadata, but its namespace is not that of SAML 2.0. Expected: "
        'xmlns="urn:oasis:names:tc:SAML:2.0:metadata". Received: %(received)s. Download the file '
        "from the identity provider again and choose it unchanged."
    ),
    "metadata_time": gettext_lazy(
        "The time in validUntil cannot be read. Expected: a time such as 2030-01-31T12:00:00Z or "
        "2030-01-31T12:00:00+00:00. Received: %(received)s. Correct it and try again."
    ),
    "metadata_is_address": gettext_lazy(
        "This is an address, not the metadata itself: %(received)s. Enter it in the field for the "
        "address of the metadata, or open it in a browser and paste what it shows."
    ),
    "metadata_cut_off": gettext_lazy(
        "The end of this metadata is missing: its last tag should be </EntityDescriptor>. It ends "
        "with “%(received)s”. Copy all of it, or choose the file."
    ),
    "metadata_json": gettext_lazy(
        "This is JSON, not metadata. Received: %(received)s. Expected: XML that begins with "
        "EntityDescriptor. Check the address of the metadata in the identity provider’s console."
    ),
    "metadata_openid": gettext_lazy(
        "This describes OpenID Connect, not SAML. Look in the identity provider’s console for its "
        "SAML metadata: XML that begins with EntityDescriptor."
    ),
    "metadata_in_base64": gettext_lazy(
        "This metadata is encoded in base64. Decode it first, and paste the XML that comes out."
    ),
    "metadata_binary": gettext_lazy(
        "This file is not text. Expected: metadata in XML. If it is an archive, unpack it and "
        "choose the XML file in it."
    ),
    "metadata_is_certificate": gettext_lazy(
        "This is a certificate, not metadata. Enter it under “Add certificates”, and enter the "
        "entity ID and the Target URL as well."
    ),
    "metadata_private_key": gettext_lazy(
        "This is a private key, not metadata. It was not saved. A private key must stay where it "
        "is used: have it replaced if anybody sent it to you."
    ),
    "metadata_service_provider": gettext_lazy(
        "This is the metadata of an application (%(received)s), not of an identity provider. Look "
        "for the metadata of the identity provider: it holds an IDPSSODescriptor."
    ),
    "metadata_no_entity_id": gettext_lazy(
        "This metadata names no entity ID. Download it from the identity provider again."
    ),
    "metadata_no_idp": gettext_lazy(
        "This metadata describes no identity provider. Received: %(received)s."
    ),
    "metadata_ambiguous": gettext_lazy(
        "This metadata describes several identity providers (%(received)s). Enter the entity ID of "
        "yours as well."
    ),
    "metadata_no_certificate": gettext_lazy(
        "This metadata holds no usable signing certificate. Received: %(received)s."
    ),
    "metadata_no_sso_url": gettext_lazy(
        "This metadata holds no usable sign-in address. Received: %(received)s."
    ),
    "metadata_expired": gettext_lazy(
        "This metadata has ended. Received: %(received)s. Download the identity provider’s current "
        "metadata."
    ),
    "metadata_too_long": gettext_lazy(
        "The entity ID in this metadata is too long. Expected: at most 1024 bytes. Received: "
        "%(received)s."
    ),
    "metadata_of_google": gettext_lazy(
        "This is Google’s own address for Google SSO, by which those are known who sign in with "
        "Google. The entity ID of a SAML application in Google Workspace is longer: "
        "https://accounts.google.com/o/saml2?idpid=…"
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
    "certificate_no_end": gettext_lazy(
        "The end of a certificate is missing: the line -----END CERTIFICATE-----. Copy the whole "
        "certificate, with its first and its last line."
    ),
    "certificate_too_large": gettext_lazy(
        "This certificate is too large: one has at most 20 KB. Received: %(received)s. Ask whoever "
        "runs the identity provider for the certificate that signs, without anything added to it."
    ),
    "certificate_fingerprint": gettext_lazy(
        "This is a fingerprint, not a certificate: it cannot verify a signature. Download the "
        "certificate from the identity provider and paste it, from -----BEGIN CERTIFICATE----- to "
        "-----END CERTIFICATE-----."
    ),
    "certificate_private_key": gettext_lazy(
        "This is a private key, not a certificate. It was not saved. A private key must stay where "
        "it is used: have it replaced if anybody sent it to you, and ask for the certificate."
    ),
    "certificate_public_key": gettext_lazy(
        "This is a public key without its certificate. Download the certificate: it begins with "
        "-----BEGIN CERTIFICATE-----."
    ),
    "certificate_request": gettext_lazy(
        "This is a certificate request, not a certificate. Download the certificate that the "
        "identity provider signs with: it begins with -----BEGIN CERTIFICATE-----."
    ),
    "certificate_container": gettext_lazy(
        "This is a container of certificates (%(received)s), such as .p7b or .pfx. Export the "
        "signing certificate alone, as “Base-64 encoded X.509 (.CER)” or PEM."
    ),
    "certificate_address": gettext_lazy(
        "This is an address, not a certificate: %(received)s. Open it, and paste the certificate; "
        "if metadata opens, enter the address in the field for metadata."
    ),
    "certificate_is_xml": gettext_lazy(
        "This is XML, not a certificate in PEM form. If it is the identity provider’s metadata, "
        "enter it in the field for metadata: the certificates are read from there."
    ),
    "certificate_is_json": gettext_lazy(
        "This is JSON, not a certificate. Download the certificate in PEM form: it begins with "
        "-----BEGIN CERTIFICATE-----."
    ),
    "fetch_not_https": gettext_lazy(
        "“%(received)s” is not an address that starts with https:// and can be read."
    ),
    "fetch_not_from_here": gettext_lazy(
        "That address cannot be read from here. Choose the metadata file, or paste it."
    ),
    "delivery_unreachable": gettext_lazy(
        "“%(received)s” is not known here, or not in a public network: events are sent to public "
        "addresses only."
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
        "The document at this address is too large: metadata has at most 2 MB. Ask for the address "
        "of your identity provider’s own metadata, not of a whole federation."
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


def noted_together(errors: Iterable[SAMLError]) -> str:
    """Several problems, a line each."""
    return "\n".join(noted(one) for one in islice(errors, MAX_NOTED))


def noted_sentences(text: str) -> list[str]:
    """The sentences for several problems that were kept."""
    return [noted_sentence(line) for line in text.split("\n") if line]


def _sentence(reason: str, received: str) -> str:
    if reason == "metadata_malformed" and " " in received:
        # What the parser says of it helps nobody who does not read XML.
        reason = NOT_XML
    template = _SENTENCES.get(reason)
    if template is None:
        return _("This cannot be used: %(reason)s.") % {"reason": reason}
    return str(template) % {"received": _shown(received) or "–"}


def _shown(received: str) -> str:
    """Our own words in the language of the page, and which of several they are about."""
    words, bracket, which = received.partition(" (")
    known = words in PHRASES or words in _PHRASES
    return _(words) + bracket + which if known else received
