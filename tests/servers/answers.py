"""How SimpleSAMLphp answers a service provider, and the settings that make it do so."""

from typing import Literal, TypedDict

NameID = Literal["email", "persistent", "transient"]
Algorithm = Literal["rsa-sha1", "rsa-sha256", "rsa-sha384", "rsa-sha512"]


class Answer(TypedDict, total=False):
    """What may differ from one service provider to the next; what is left out is the default."""

    sign_response: bool
    sign_assertion: bool
    encrypt: bool
    encrypt_name_id: bool
    validate_requests: bool
    validate_logout: bool
    signature_algorithm: Algorithm
    name_id: NameID


DEFAULT: Answer = {
    "sign_response": False,
    "sign_assertion": True,
    "encrypt": False,
    "encrypt_name_id": False,
    "validate_requests": False,
    "validate_logout": False,
    "signature_algorithm": "rsa-sha256",
    "name_id": "email",
}

_ALGORITHMS: dict[Algorithm, str] = {
    "rsa-sha1": "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    "rsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "rsa-sha384": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "rsa-sha512": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
}

_FORMATS: dict[NameID, str] = {
    "email": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "transient": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
}

_FILTERS: dict[NameID, dict[str, str]] = {
    "email": {
        "class": "saml:AttributeNameID",
        "attribute": "email",
        "Format": _FORMATS["email"],
    },
    "persistent": {"class": "saml:PersistentNameID", "attribute": "uid"},
    "transient": {"class": "saml:TransientNameID"},
}


def settings(answer: Answer) -> dict[str, object]:
    """The answer as entries of SimpleSAMLphp's metadata of a service provider.

    Its only NameID filter is the chosen one, so that the NameIDPolicy of a request changes nothing.
    """
    chosen: Answer = {**DEFAULT, **answer}
    return {
        "saml20.sign.response": chosen["sign_response"],
        "saml20.sign.assertion": chosen["sign_assertion"],
        "assertion.encryption": chosen["encrypt"],
        "nameid.encryption": chosen["encrypt_name_id"],
        # Whether our requests and logout messages must be signed.
        "validate.authnrequest": chosen["validate_requests"],
        "validate.logout": chosen["validate_logout"],
        "signature.algorithm": _ALGORITHMS[chosen["signature_algorithm"]],
        "NameIDFormat": _FORMATS[chosen["name_id"]],
        "authproc": {"10": _FILTERS[chosen["name_id"]]},
    }
