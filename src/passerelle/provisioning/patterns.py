"""What a pattern of a rule may cost: known before it is used."""

from functools import lru_cache

import re2

MOST_STEPS = 250
"""Of a pattern, or as many as it has characters: more is a long repetition, counted out."""


def steps_of(pattern: str) -> int:
    """How long a pattern is once its counted repetitions are written out.

    Each character that is matched can cost as many. RE2 is asked for it with one byte to a
    character: a class of many scripts counts as one step, and not as its thousand ranges.
    """
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    plain = "".join(one if one <= "\xff" else "x" for one in pattern)
    try:
        return int(re2.compile(plain.encode("latin-1"), options).programsize)
    except re2.error:
        # It names characters beyond those by their number.
        return int(compile_pattern(pattern).programsize)


def is_costly(pattern: str) -> bool:
    """Whether a pattern could take many seconds over the most values that a message may have."""
    return steps_of(pattern) > max(MOST_STEPS, len(pattern))


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> "re2._Regexp[str]":
    """A rule's pattern. RE2 matches in linear time: a pattern cannot stop the service.

    Raises ValueError for a pattern that RE2 cannot read.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        # RE2 says what is wrong in bytes.
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error
