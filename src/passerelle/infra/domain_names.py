"""Domain names as they are compared and stored: IDNA, lower case."""

import re
import unicodedata

import idna

MAX_DOMAIN = 253


# What IDNA takes for a dot (RFC 3490 §3.1), so that two spellings would be one domain.
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")


def normalise_domain(domain: str) -> str | None:
    """The IDNA form of a domain with at least one dot, or None."""
    return encode_domain(domain.strip().removesuffix("."))


def encode_domain(domain: str) -> str | None:
    """Lower case, not case-folded: ß and ς are letters of their own in a domain (RFC 5892)."""
    if len(domain) > MAX_DOMAIN:
        return None
    lower = "".join(character.lower() for character in domain)
    if len(lower) != len(domain) or _OTHER_DOTS.search(lower):
        return None
    labels = lower.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or "" in labels:
        return None
    try:
        return idna.encode(unicodedata.normalize("NFC", lower)).decode()
    except (idna.IDNAError, UnicodeError):
        return None
