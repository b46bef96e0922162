"""Settings > Users > Import: a file looked at line by line, then carried out."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from passerelle.sso.outbox.letters import has_room_for_invitations
from passerelle.web.frame.access import acting, administrators_only, company_of, locked_for_decision
from passerelle.web.frame.confirm import confirmed_before_waiting
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.people.people_file import (
    COLUMNS,
    Line,
    Unreadable,
    import_people,
    read_people,
    too_many_invitations,
)

MAX_BYTES = 1024 * 1024
AT_ONCE = 25
"""Lines in one transaction: about a third of a second on SQLite, where one writes at a time."""


@page_with_form
@administrators_only
def import_page(request: PageRequest) -> HttpResponseBase:
    """First what each line would do; the same lines are sent again to carry it out."""
    context: dict[str, Any] = {"columns": ", ".join(COLUMNS)}
    if request.method != "POST":
        return render(request, "user_import.html", context)
    company, content = company_of(request), _sent(request)
    try:
        if content is None:
            raise Unreadable(_("Choose a file of at most 1 MB, or paste the lines."))
        lines = read_people(company, content)
    except Unreadable as error:
        # What was pasted is not lost, whatever is wrong with it.
        context |= {"problem": str(error), "kept": request.POST.get("content", "")[:MAX_BYTES]}
        return render(request, "user_import.html", context, status=422)
    context |= {
        "lines": lines,
        "bad": [line for line in lines if line.problem],
        "good": sum(line.invites or line.gives for line in lines),
        "content": content.decode("utf-8-sig", "replace"),
    }
    if "confirmed" in request.POST:
        return _carry_out(request, lines, context)
    return render(request, "user_import.html", context)


@confirmed_before_waiting
def _carry_out(request: PageRequest, lines: list[Line], context: dict[str, Any]) -> HttpResponse:
    """A few lines at a time: between them others write, and other companies sign in."""
    new = sum(line.invites for line in lines)
    if not has_room_for_invitations(company_of(request), new, now=timezone.now()):
        context |= {"problem": too_many_invitations()}
        return render(request, "user_import.html", context, status=422)
    invited = given = 0
    for start in range(0, len(lines), AT_ONCE):
        with locked_for_decision(request):
            done = import_people(
                company_of(request), lines[start : start + AT_ONCE], acting(request)
            )
        invited, given = invited + done[0], given + done[1]
    context |= {"done": True, "invited": invited, "given": given}
    return render(request, "user_import.html", context)


def _sent(request: PageRequest) -> bytes | None:
    """What was chosen, or pasted; None where there is nothing, or too much."""
    file = request.FILES.get("file")
    if getattr(request, "upload_too_large", False) or (file and (file.size or 0) > MAX_BYTES):
        return None
    content = file.read() if file else request.POST.get("content", "").encode(errors="replace")
    return content if 0 < len(content) <= MAX_BYTES else None
