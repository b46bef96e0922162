"""Who takes part: each verifies and reads a form field as its documentation says.

What can be kept between two calls is kept: settings, clients, parsed keys.
"""

import base64
import json
import logging
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography import x509
from lxml import etree

from benchmarks.floor import floor
from benchmarks.payloads import Keys, Payload
from passerelle import saml
from passerelle.saml.names import DSIG_NS, XENC_NS
from passerelle.saml.names import saml as saml_name
from tests.saml.response_builder import ACS, IDP, REQUEST, SP

PEERS = Path(__file__).parent / "peers"
Verify = Callable[[str], int | None]
"""Returns how many groups it read, None where it reads nothing; raises when it refuses."""
Timed = Callable[[str, int], tuple[list[float], int | None]]
"""Verifies a field so many times; returns the seconds of each call, and what Verify returns."""


class CannotError(Exception):
    """This payload is nothing for this peer."""


def passerelle(payload: Payload, keys: Keys) -> Verify:
    expected = saml.Expected(
        idp_entity_id=IDP,
        certificates=(keys.idp.certificate,),
        sp_entity_id=SP,
        acs_url=ACS,
        now=payload.issued_at,
        request_id=REQUEST,
        decryption_keys=(keys.ours.private,) if payload.encrypted else (),
    )

    def verify(field: str) -> int:
        assertion = saml.judge(saml.decode_response(field), expected).assertion
        return len(assertion.attributes["groups"])

    return verify


def minisaml(payload: Payload, keys: Keys) -> Verify:
    from minisaml.response import validate_response

    if payload.encrypted:
        raise CannotError("no decryption")
    if payload.both_signed:
        raise CannotError("one signature only")
    certificate = x509.load_der_x509_certificate(keys.idp.der)

    def verify(field: str) -> int:
        response = validate_response(
            data=field, certificate=certificate, expected_audience=SP, idp_issuer=IDP
        )
        return next(len(one.values) for one in response.attributes if one.name == "groups")

    return verify


def signxml(payload: Payload, keys: Keys) -> Verify:
    from signxml import SignatureConfiguration, XMLVerifier

    if payload.encrypted:
        raise CannotError("no decryption")
    certificate = x509.load_der_x509_certificate(keys.idp.der)
    of_child = SignatureConfiguration(location="./")
    verifier = XMLVerifier()

    def verify(field: str) -> None:
        root = etree.fromstring(base64.b64decode(field))
        assertion = root.find(saml_name("Assertion"))
        for element in (root, assertion) if payload.both_signed else (assertion,):
            verifier.verify(element, x509_cert=certificate, expect_config=of_child)

    return verify


def python_xmlsec(payload: Payload, keys: Keys) -> Verify:
    import xmlsec

    certificate_format, key_format = xmlsec.KeyFormat.CERT_PEM, xmlsec.KeyFormat.PEM
    key = xmlsec.Key.from_memory(keys.idp.certificate_pem, certificate_format, None)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(keys.ours.pem, key_format, None))

    def verify(field: str) -> None:
        root = etree.fromstring(base64.b64decode(field))
        if payload.encrypted:
            data = root.find(f".//{{{XENC_NS}}}EncryptedData")
            assertion = xmlsec.EncryptionContext(manager).decrypt(data)
        else:
            assertion = root.find(saml_name("Assertion"))
        for element in (root, assertion) if payload.both_signed else (assertion,):
            xmlsec.tree.add_ids(element, ["ID"])
            context = xmlsec.SignatureContext()
            context.key = key
            context.verify(element.find(f"{{{DSIG_NS}}}Signature"))

    return verify


def python3_saml(payload: Payload, keys: Keys) -> Verify:
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": SP,
                "assertionConsumerService": {"url": ACS},
                "x509cert": keys.ours.certificate_pem.decode(),
                "privateKey": keys.ours.pem.decode(),
            },
            "idp": {
                "entityId": IDP,
                "singleSignOnService": {"url": "https://idp.example/sso"},
                "x509cert": keys.idp.certificate.pem,
            },
            "security": {
                "wantMessagesSigned": payload.both_signed,
                "wantAssertionsSigned": True,
                "wantAssertionsEncrypted": payload.encrypted,
            },
        }
    )
    host, _, path = ACS.removeprefix("https://").partition("/")
    request = {
        "https": "on",
        "http_host": host,
        "script_name": "/" + path,
        "get_data": {},
        "post_data": {},
    }

    def verify(field: str) -> int:
        response = OneLogin_Saml2_Response(settings, field)
        if not response.is_valid(request, REQUEST):
            raise ValueError(response.get_error())
        return len(response.get_attributes()["groups"])

    return verify


def pysaml2(payload: Payload, keys: Keys) -> Verify:
    from saml2 import BINDING_HTTP_POST
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    # It logs what it refuses, on the error stream.
    logging.getLogger("saml2").setLevel(logging.CRITICAL)
    own = {"key_file": str(keys.folder / "ours.key"), "cert_file": str(keys.folder / "ours.pem")}
    settings: dict[str, Any] = {
        "entityid": SP,
        "metadata": {"inline": [keys.idp_metadata]},
        "encryption_keypairs": [own] if payload.encrypted else [],
        "allow_unknown_attributes": True,
        "service": {
            "sp": {
                "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]},
                "want_response_signed": payload.both_signed,
                "want_assertions_signed": True,
            }
        },
        **own,
    }
    client = Saml2Client(SPConfig().load(settings))

    def verify(field: str) -> int:
        response = client.parse_authn_request_response(field, BINDING_HTTP_POST, {REQUEST: "/"})
        return len(response.ava["groups"])

    return verify


IN_PYTHON = {
    "floor": floor,
    "Passerelle": passerelle,
    "minisaml": minisaml,
    "signxml": signxml,
    "python-xmlsec": python_xmlsec,
    "python3-saml": python3_saml,
    "pysaml2": pysaml2,
}
IN_NODE = ("node-saml", "samlify")


def versions() -> dict[str, str]:
    """Of the peers, and of what runs them."""
    packages = ("minisaml", "signxml", "xmlsec", "python3-saml", "pysaml2")
    found = {name: version(name) for name in packages}
    found["xmlsec1"] = _output("xmlsec1", "--version").split()[1]
    locked = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    for name in ("@node-saml/node-saml", "samlify"):
        found[name] = locked[f"node_modules/{name}"]["version"]
    return {**found, "Node.js": _output("node", "--version").strip("v\n")}


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def timed(verify: Verify) -> Timed:
    def run(field: str, calls: int) -> tuple[list[float], int | None]:
        times = []
        for _ in range(calls):
            began = time.perf_counter()
            groups = verify(field)
            times.append(time.perf_counter() - began)
        return times, groups

    return run


class Node:
    """The peers in Node.js: one process that does what it is told, line by line."""

    def __init__(self, keys: Keys) -> None:
        self.process = subprocess.Popen(
            ["node", "node.mjs"],
            cwd=PEERS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask(
            {
                "sp": SP,
                "acs": ACS,
                "idp": IDP,
                "idpMetadata": keys.idp_metadata,
                "idpCertificate": keys.idp.certificate.pem,
                "privateKey": keys.ours.pem.decode(),
            }
        )

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def timed(self, library: str, payload: Payload) -> Timed:
        shape = {"bothSigned": payload.both_signed, "encrypted": payload.encrypted}

        def run(field: str, calls: int) -> tuple[list[float], int | None]:
            answer = self._ask({"library": library, **shape, "field": field, "calls": calls})
            if "refused" in answer:
                raise ValueError(answer["refused"])
            return answer["times"], answer["groups"]

        return run

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())
