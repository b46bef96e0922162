"""SAML 2.0 for a service provider: strict, explained, and without a clock or a network of its own.

Bytes in, a judgement with every check out:

    from passerelle import saml

    idp = saml.read_idp_metadata(metadata_xml)
    judgement = saml.judge(saml.decode_response(form["SAMLResponse"]), saml.Expected(...))
    judgement.assertion  # raises unless every check passed
"""

from passerelle.saml.assertion import Assertion, NameID
from passerelle.saml.authn_request import build_authn_request, redirect_url
from passerelle.saml.certificate import Certificate, load_certificate, load_certificates
from passerelle.saml.checks import Check, Expected
from passerelle.saml.errors import SAMLError
from passerelle.saml.explain import explain
from passerelle.saml.metadata import IdPMetadata, read_idp_metadata, write_sp_metadata
from passerelle.saml.response import Judgement, decode_response, judge, peek

__all__ = [
    "Assertion",
    "Certificate",
    "Check",
    "Expected",
    "IdPMetadata",
    "Judgement",
    "NameID",
    "SAMLError",
    "build_authn_request",
    "decode_response",
    "explain",
    "judge",
    "load_certificate",
    "load_certificates",
    "peek",
    "read_idp_metadata",
    "redirect_url",
    "write_sp_metadata",
]
