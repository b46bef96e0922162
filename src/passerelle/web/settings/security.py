"""Settings > Security settings."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from passerelle.administration.follow_metadata import decide, follow
from passerelle.administration.settings import Outdated
from passerelle.sso.connections.connection import (
    ProviderHeld,
)
from passerelle.sso.connections.keys import (
    TooSoon,
    new_private_key,
    rotate_key,
    stop_if_too_soon,
)
from passerelle.sso.models import SamlConnection
from passerelle.sso.sessions.enforcement import NoWayBack
from passerelle.sso.sessions.session import end_sessions_through, open_sessions
from passerelle.web.frame.access import acting, administrators_only, company_of, locked_for_decision
from passerelle.web.frame.client import client_address
from passerelle.web.frame.confirm import confirmed_before_waiting, confirmed_only
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import typed
from passerelle.web.settings.provisioning_impact import shown_impact
from passerelle.web.settings.security_form import (
    SecurityForm,
)
from passerelle.web.settings.security_page import (
    chosen_connection,
    named_connection,
    settings_context,
)
from passerelle.web.settings.security_save import save_security


@page_with_form
@administrators_only
@confirmed_before_waiting
def settings_page(request: PageRequest) -> HttpResponse:
    assert request.person is not None
    company, now = request.person.company, timezone.now()
    connection = chosen_connection(request, company)
    if request.method == "POST":
        form = SecurityForm(company, connection, now=now, data=request.POST, files=request.FILES)
        form.upload_too_large = getattr(request, "upload_too_large", False)
        form.client_address = client_address(request)
        if form.is_valid() and (saved := _saved(form, request)):
            slug = form.draft.connection.slug if form.draft.connection else ""
            return redirect(f"{reverse('security')}?connection={slug}{saved}")
        return render(request, "security.html", settings_context(form, request), status=422)
    form = SecurityForm(
        company, connection, now=now, initial=SecurityForm.current(company, connection)
    )
    form.asked_for = typed(request.GET.get("open", ""))
    return render(request, "security.html", settings_context(form, request))


def _saved(form: SecurityForm, request: PageRequest) -> str:
    """What became of it, for the address that tells; empty when it could not be saved."""
    assert request.session_row is not None
    try:
        with locked_for_decision(request):
            # As many as were open by the settings of before.
            opened = open_sessions(form.company, now=form.now)
            before = opened.count()
            changed = save_security(form, session=request.session_row, now=timezone.now())
            ended = before - opened.count()
    except NoWayBack:
        # Whoever could still come in has been unmade since the form was looked at.
        form.refuse_lock_out("saml_enabled")
        return ""
    except (Outdated, ProviderHeld):
        form.read_again()
        form.refuse_as_outdated()
        return ""
    return f"&saved=changed&ended={ended}" if changed else "&saved=nothing"


@require_POST
@administrators_only
def effect(request: PageRequest) -> HttpResponse:
    """What the provisioning settings in the form would do, and to whom; nothing is saved.

    With `part` in the address only that part of the page, for a script that puts it there.
    """
    form = SecurityForm(
        company_of(request),
        chosen_connection(request, company_of(request)),
        now=timezone.now(),
        data=request.POST,
        files=request.FILES,
        reads_metadata=False,
    )
    form.client_address = client_address(request)
    form.is_valid()
    seen = shown_impact(form)
    if "part" in request.GET:
        return render(request, "security/_effect.html", seen)
    context = {**settings_context(form, request), **seen, "looked_at": True}
    return render(request, "security.html", context)


@require_POST
@administrators_only
@confirmed_before_waiting
def rotate(request: PageRequest) -> HttpResponse:
    """Make a new key of ours for a connection."""
    connection, actor = named_connection(request), acting(request)
    try:
        stop_if_too_soon(connection, now=actor["now"])
        private = new_private_key()
        with locked_for_decision(request):
            rotate_key(connection, private, **actor)
    except TooSoon:
        return _back(connection, "key-later")
    return _back(connection, "key")


@require_POST
@administrators_only
@confirmed_only
def decide_metadata(request: PageRequest) -> HttpResponse:
    """Accept or dismiss a change of the identity provider's metadata."""
    connection = named_connection(request)
    try:
        decided = decide(
            connection,
            accept=request.POST.get("decision") == "accept",
            shown=request.POST.get("shown", ""),
            session=request.session_row,
            **acting(request),
        )
    except NoWayBack:
        return _back(connection, "way-back")
    except ProviderHeld:
        return _back(connection, "provider-held")
    return _back(connection, "metadata" if decided else "changed-again")


@require_POST
@administrators_only
@confirmed_before_waiting
def read_metadata(request: PageRequest) -> HttpResponse:
    """Read the metadata of a connection now, and not with the next daily reading."""
    connection = named_connection(request)
    if connection.metadata_url:
        follow(connection, now=timezone.now(), asked=True)
    return _back(connection, "read")


@require_POST
@administrators_only
@confirmed_only
def end_sessions(request: PageRequest) -> HttpResponse:
    """Sign everybody out who came through a connection: for when what it trusted was not safe."""
    connection = named_connection(request)
    assert request.session_row is not None
    end_sessions_through(connection, but=request.session_row, **acting(request))
    return _back(connection, "sessions")


def _back(connection: SamlConnection, done: str) -> HttpResponse:
    return redirect(f"{reverse('security')}?connection={connection.slug}&saved={done}")
