"""E-mail addresses: when two are the same, and which are refused.

An address is kept as it was given and compared by its key: the local part case-folded, the domain
in its IDNA form. Two subjects must never fold into one account, so whatever would change by more
than case or by composing accents (full-width letters, the Kelvin sign, a ß before the @, an
ideographic full stop) is refused.
"""

import re
import unicodedata
from dataclasses import dataclass

from passerelle.infra.domain_names import encode_domain

MAX_LENGTH = 254
MAX_LOCAL = 64
# Characters that leave no trace on the page (Unicode: Default_Ignorable_Code_Point).
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_LOCAL_ASCII = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """`shown` is what people see, `key` what is compared, `domain` the key's part after @."""

    shown: str
    key: str

    @property
    def domain(self) -> str:
        return self.key.rpartition("@")[2]

    @property
    def mailbox(self) -> str:
        """Where mail goes: with the domain in the encoding that it is compared in.

        Mail programs encode by older rules (IDNA 2003), in which ß and ς lead to another domain.
        """
        return f"{self.shown.rpartition('@')[0]}@{self.domain}"


def parse_email(text: str) -> EmailAddress | None:
    """Read one address; None when it is not one or could be confused with another."""
    given = text.strip()
    if len(given) > MAX_LENGTH or _is_confusable(given):
        return None
    shown = unicodedata.normalize("NFC", given)
    local, _, domain = shown.rpartition("@")
    folded = local.casefold()
    # ß and ς fold into letters that somebody else's address may have.
    if len(folded) != len(local) or folded != local.lower():
        return None
    if not 0 < len(local) <= MAX_LOCAL or not _is_local_part(folded):
        return None
    encoded = encode_domain(domain)
    key = f"{folded}@{encoded}"
    return EmailAddress(shown, key) if encoded and len(key) <= MAX_LENGTH else None


def _is_confusable(text: str) -> bool:
    """Whether compatibility or singleton forms hide in it: U+FF21, U+212A and their like."""
    if any(unicodedata.normalize("NFC", character) != character for character in text):
        return True
    if _INVISIBLE.search(text):
        return True
    return unicodedata.normalize("NFKC", text) != unicodedata.normalize("NFC", text)


def _is_local_part(folded: str) -> bool:
    """A dot-atom (RFC 5321), or the same with letters of any script (RFC 6531)."""
    plain = "".join("a" if _is_letter(character) else character for character in folded)
    return _LOCAL_ASCII.fullmatch(plain) is not None


def _is_letter(character: str) -> bool:
    return ord(character) > 127 and unicodedata.category(character)[0] in "LMN"
