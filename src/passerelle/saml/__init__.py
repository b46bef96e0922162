"""SAML 2.0 for a service provider: strict, explained, and without a clock or a network of its own.

Bytes in, a judgement with every check out:

    from passerelle import saml

    idp = saml.read_idp_metadata(metadata_xml)
    judgement = saml.judge(saml.decode_response(form["SAMLResponse"]), saml.Expected(...))
    judgement.assertion  # raises unless every check passed
"""

from passerelle.saml.assertion import Assertion, NameID
from passerelle.saml.authn_request import build_authn_request
from passerelle.saml.bindings import (
    Field,
    Signer,
    inflated,
    post_field,
    read_post,
    read_redirect,
    redirect_url,
)
from passerelle.saml.certificate import (
    Certificate,
    Certificates,
    load_bundle,
    load_certificate,
    load_certificates,
)
from passerelle.saml.checks import Check, Expected
from passerelle.saml.errors import SAMLError
from passerelle.saml.explain import explain
from passerelle.saml.logout import (
    LogoutRequest,
    build_logout_request,
    build_logout_response,
    read_logout_request,
)
from passerelle.saml.metadata import IdPMetadata, read_idp_metadata, write_sp_metadata
from passerelle.saml.response import Judgement, Peek, decode_response, judge, peek

__all__ = [
    "Assertion",
    "Certificate",
    "Certificates",
    "Check",
    "Expected",
    "Field",
    "IdPMetadata",
    "Judgement",
    "LogoutRequest",
    "NameID",
    "Peek",
    "SAMLError",
    "Signer",
    "build_authn_request",
    "build_logout_request",
    "build_logout_response",
    "decode_response",
    "explain",
    "inflated",
    "judge",
    "load_bundle",
    "load_certificate",
    "load_certificates",
    "peek",
    "post_field",
    "read_idp_metadata",
    "read_logout_request",
    "read_post",
    "read_redirect",
    "redirect_url",
    "write_sp_metadata",
]
