"""Verify and read one response: Passerelle beside other libraries, taking turns."""

import base64
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from passerelle import saml
from passerelle.practice_idp.issue import Issue, build_response, make_signing_key, sign_assertion
from passerelle.practice_idp.people import Person
from passerelle.saml.names import saml as saml_name

ENTITY_ID = "https://idp.example/metadata"
SP = "https://sp.example/metadata"
ACS = "https://sp.example/acs"
ROUNDS = 15
Call = Callable[[], object]


def payload(groups: int, now: datetime) -> tuple[str, bytes]:
    """The form field of a signed response with so many groups, and the certificate."""
    key = make_signing_key(name="bench", now=now)
    names = tuple(f"group-{number:05d}-of-the-company" for number in range(groups))
    issue = Issue(
        idp_entity_id=ENTITY_ID,
        audience=SP,
        acs_url=ACS,
        person=Person("u-1", "ada@acme.example", "Ada", "Example", names),
        now=now,
        response_id="_response",
        assertion_id="_assertion",
    )
    root = build_response(issue)
    sign_assertion(root, key)
    return base64.b64encode(etree.tostring(root)).decode(), key.certificate_der


def floor(field: str, der: bytes) -> Call:
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key()
    root = etree.fromstring(base64.b64decode(field))
    namespace = {"ds": "http://www.w3.org/2000/09/xmldsig#"}
    info = root.find(".//ds:SignedInfo", namespace)
    signed = etree.tostring(info, method="c14n", exclusive=True)
    value = base64.b64decode(root.find(".//ds:SignatureValue", namespace).text)

    def call() -> object:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        parsed = etree.fromstring(base64.b64decode(field), parser)
        content = etree.tostring(parsed[-1], method="c14n", exclusive=True)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(content)
        digest.finalize()
        key.verify(value, signed, padding.PKCS1v15(), hashes.SHA256())
        return parsed

    return call


def passerelle(field: str, der: bytes, now: datetime) -> Call:
    expected = saml.Expected(
        idp_entity_id=ENTITY_ID,
        certificates=(saml.load_certificate(der),),
        sp_entity_id=SP,
        acs_url=ACS,
        now=now,
    )
    return lambda: saml.judge(saml.decode_response(field), expected).assertion


def signxml(field: str, der: bytes) -> Call:
    from signxml import SignatureConfiguration, XMLVerifier

    pem = saml.load_certificate(der).pem
    config = SignatureConfiguration(expect_references=1)

    def call() -> object:
        parsed = etree.fromstring(base64.b64decode(field))
        assertion = parsed.find(saml_name("Assertion"))
        return XMLVerifier().verify(
            assertion, x509_cert=pem, expect_config=config, id_attribute="ID"
        )

    return call


def python3_saml(field: str, der: bytes) -> Call:
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {"entityId": SP, "assertionConsumerService": {"url": ACS}},
            "idp": {
                "entityId": ENTITY_ID,
                "singleSignOnService": {"url": "https://idp.example/sso"},
                "x509cert": saml.load_certificate(der).pem,
            },
            "security": {"wantAssertionsSigned": True},
        }
    )
    request = {
        "https": "on",
        "http_host": "sp.example",
        "script_name": "/acs",
        "get_data": {},
        "post_data": {},
    }

    def call() -> object:
        response = OneLogin_Saml2_Response(settings, field)
        if not response.is_valid(request):
            raise AssertionError(response.get_error())
        return response.get_attributes()

    return call


def minisaml(field: str, der: bytes) -> Call:
    from cryptography.x509 import load_der_x509_certificate
    from minisaml.response import validate_response

    certificate = load_der_x509_certificate(der)
    return lambda: validate_response(
        data=field, certificate=certificate, expected_audience=SP, idp_issuer=ENTITY_ID
    )


def verify_rows() -> list[dict[str, str]]:
    # The peers read the clock themselves, so the response is of this moment.
    now = datetime.now(UTC)
    columns: dict[str, dict[str, float]] = {}
    for title, groups, calls in (
        ("1 group", 1, 60),
        ("500 groups", 500, 15),
        ("5,000 groups", 5000, 3),
    ):
        field, der = payload(groups, now)
        size = f"{title}, {len(field) * 3 // 4 // 1024 or 1} KB"
        columns[size] = _medians(
            {
                "floor": floor(field, der),
                "Passerelle": passerelle(field, der, now),
                "minisaml": minisaml(field, der),
                "signxml": signxml(field, der),
                "python3-saml": python3_saml(field, der),
            },
            calls,
        )
    names = list(next(iter(columns.values())))
    return [
        {
            "library": name,
            **{
                size: f"{times[name] * 1e6:,.0f} µs ({times[name] / times['floor']:.1f} ×)"
                for size, times in columns.items()
            },
        }
        for name in names
    ]


def _medians(contestants: dict[str, Call], calls: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for call in contestants.values():
        call()
    for _ in range(ROUNDS):
        for name, call in contestants.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            times[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(found) for name, found in times.items()}
