"""E-mail addresses: when two are the same, and which are refused.

An address is kept as it was given and compared by its key: the local part case-folded, the domain
in its IDNA form. Two subjects must never fold into one account, so whatever would change by more
than case or by composing accents (full-width letters, the Kelvin sign, ß) is refused.
"""

import re
import unicodedata
from dataclasses import dataclass

import idna

MAX_LENGTH = 254
MAX_LOCAL = 64
_LOCAL_ASCII = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """`shown` is what people see, `key` what is compared, `domain` the key's part after @."""

    shown: str
    key: str

    @property
    def domain(self) -> str:
        return self.key.rpartition("@")[2]


def parse_email(text: str) -> EmailAddress | None:
    """Read one address; None when it is not one or could be confused with another."""
    shown = unicodedata.normalize("NFC", text.strip())
    local, at, domain = shown.rpartition("@")
    if not at or len(shown) > MAX_LENGTH or not 0 < len(local) <= MAX_LOCAL:
        return None
    if _is_confusable(text.strip()):
        return None
    key_of_domain = normalise_domain(domain)
    folded = local.casefold()
    if key_of_domain is None or not _is_local_part(folded) or len(folded) != len(local):
        return None
    return EmailAddress(shown, f"{folded}@{key_of_domain}")


def normalise_domain(domain: str) -> str | None:
    """The IDNA form of a domain with at least one dot, or None."""
    try:
        encoded = idna.encode(domain.strip().casefold().rstrip("."), uts46=False).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    return encoded if "." in encoded and not encoded.rpartition(".")[2].isdigit() else None


def _is_confusable(text: str) -> bool:
    """Whether compatibility or singleton forms hide in it: U+FF21, U+212A and their like."""
    if any(unicodedata.normalize("NFC", character) != character for character in text):
        return True
    return unicodedata.normalize("NFKC", text) != unicodedata.normalize("NFC", text)


def _is_local_part(folded: str) -> bool:
    """A dot-atom (RFC 5321), or the same with letters of any script (RFC 6531)."""
    plain = "".join("a" if _is_letter(character) else character for character in folded)
    return _LOCAL_ASCII.fullmatch(plain) is not None


def _is_letter(character: str) -> bool:
    return ord(character) > 127 and unicodedata.category(character)[0] in "LMN"
