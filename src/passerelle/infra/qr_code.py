"""The picture that an authenticator app reads."""

import segno
from django.utils.safestring import SafeString, mark_safe


def picture_of(address: str) -> SafeString:
    """The picture that an app reads, as SVG within the page."""
    try:
        code = segno.make(address, error="l", micro=False)
    except segno.DataOverflowError:
        # A very long name: the key below the picture does the same.
        return mark_safe("")
    # Made of squares only, by the library: nothing of the address is in its text.
    return mark_safe(code.svg_inline(border=2, omitsize=True, dark="#000", light="#fff"))  # noqa: S308
