"""One form for characters that can be written in several ways, at a cost in step with the text."""

import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Literal

MOST_MARKS = 30
"""Marks on one letter, in Unicode's Stream-Safe Text Format (UAX #15 §13); no writing has more."""


def composed(text: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """The text in that form; as it is when a letter has more marks than any writing.

    Putting marks in order takes time with the square of their number, and stops every thread.
    """
    return unicodedata.normalize(form, text) if _is_stream_safe(text) else text


def _is_stream_safe(text: str) -> bool:
    if len(text) <= MOST_MARKS or text.isascii():
        return True
    runs = (run for is_mark, run in groupby(text, _is_mark) if is_mark)
    return all(sum(1 for _ in run) <= MOST_MARKS for run in runs)


@lru_cache(maxsize=4096)
def _is_mark(character: str) -> bool:
    """Whether it joins the character before; U+0F73 only does once it is taken apart."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) != 0
