"""Names of people on one line: what control characters are, and what only looks like one."""

import unicodedata

_JOINERS = "\u200c\u200d"
_VIRAMA = 9
"""The combining class of the marks that take a consonant's vowel away."""


def one_line(text: str) -> str:
    """A name on one line: control and formatting characters have no place in it.

    But for joiners inside words, which belong to the spelling of Persian or Sinhala names.
    """
    kept = "".join(
        " " if unicodedata.category(one)[0] == "C" and not is_joiner(text, at) else one
        for at, one in enumerate(text)
    )
    return " ".join(kept.split())


def is_one_line(text: str) -> bool:
    """Whether a name that somebody entered can be kept as it is."""
    return all(one.isprintable() or is_joiner(text, at) for at, one in enumerate(text))


def is_joiner(text: str, at: int) -> bool:
    """Whether a joiner stands between letters, or ends a letter as it does in Malayalam."""
    before, after = text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    if text[at] not in _JOINERS or not _is_of_word(before):
        return False
    return _is_of_word(after) or unicodedata.combining(before) == _VIRAMA


def _is_of_word(one: str) -> bool:
    return bool(one) and unicodedata.category(one)[0] in "LM"
