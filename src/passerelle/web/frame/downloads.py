"""Files of any length that a company takes away: a few at once, each has its place until read."""

from collections.abc import Iterator

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from passerelle.infra.turns import Busy, turn_of
from passerelle.web.frame.access import company_of
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.refusals import too_many_downloads


def download(
    request: PageRequest, lines: Iterator[str], *, name: str, content_type: str
) -> HttpResponseBase:
    """A streamed file, or a page that says why not now."""
    held = _in_turn(request, lines)
    try:
        next(held)
    except Busy:
        return too_many_downloads(request)
    response = StreamingHttpResponse(held, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _in_turn(request: PageRequest, lines: Iterator[str]) -> Iterator[str]:
    """Begun, it holds a turn, until it is read to its end, closed or forgotten."""
    with turn_of(company_of(request).id, "download"):
        yield ""
        yield from lines
