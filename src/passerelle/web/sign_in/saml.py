"""The addresses of a SAML connection. What comes cross-site has no CSRF token: it is signed."""

import logging
from datetime import timedelta
from functools import partial
from urllib.parse import quote

from django.conf import settings
from django.core import signing
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    QueryDict,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from passerelle import saml
from passerelle.administration.follow_metadata import follow
from passerelle.infra.tokens import new_token
from passerelle.infra.turns import reading
from passerelle.saml.errors import MessageError
from passerelle.sso.connections.connection import (
    addresses_of,
    find_connection,
    trusted_certificates,
)
from passerelle.sso.connections.keys import signing_key
from passerelle.sso.connections.sp_metadata import own_metadata
from passerelle.sso.models import SamlConnection, SignIn
from passerelle.sso.records.failures import (
    MAX_REFUSED,
    TooManyRefused,
    fails_too_often,
    has_begun_too_many,
    has_failed_too_often,
    has_finished,
)
from passerelle.sso.sessions.session import find_session
from passerelle.sso.sign_in.logout import accept_logout
from passerelle.sso.sign_in.saml import (
    AnswersLogout,
    AnswersTrial,
    Refused,
    accept_response,
    refuse_logout,
    refuse_message,
    start_sign_in,
)
from passerelle.sso.sign_in.test_sign_in import answer_trial
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import YEAR, set_cookie
from passerelle.web.frame.leave import after_logout, leave
from passerelle.web.frame.refusals import too_many_attempts
from passerelle.web.sign_in.saml_pages import finish_cookie, known_connections_only, refused_page

log = logging.getLogger("passerelle")


@require_GET
@known_connections_only
def login(request: HttpRequest, slug: str) -> HttpResponse:
    """Lead to the identity provider. The browser keeps one binding for all its tabs."""
    connection, address, now = find_connection(slug), client_address(request), timezone.now()
    if has_begun_too_many(address, now=now):
        return too_many_attempts(request)
    binding = request.COOKIES.get(settings.BINDING_COOKIE) or new_token()
    try:
        outgoing = start_sign_in(
            connection,
            next_path=request.GET.get("next", ""),
            binding=binding,
            forced="confirm" in request.GET,
            address=address,
            now=now,
        )
    except Refused as refused:
        return refused_page(request, refused.sign_in)
    response = leave(request, outgoing)
    set_cookie(response, settings.BINDING_COOKIE, binding, max_age=YEAR)
    return response


@csrf_exempt
@require_http_methods(["GET", "POST"])
@known_connections_only
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """The assertion consumer service: verify, park, and go on same-site.

    Many providers have one address for everything: what is about signing out is passed on.
    """
    if "SAMLResponse" in request.GET and request.method == "GET":
        return _after_redirect(request, slug)
    if request.method == "GET":
        connection = find_connection(slug)
        if "SAMLRequest" in request.GET:
            arrived_at = addresses_of(connection).acs_url
            return _sign_out(request, connection, request.GET, arrived_at=arrived_at)
        # Somebody who came back here, or switched the language of a refusal: nothing was sent.
        return redirect(_login_address(connection))
    now, address = timezone.now(), client_address(request)
    try:
        sent = _posted(request)
        if "SAMLRequest" in sent and "SAMLResponse" not in sent:
            connection = find_connection(slug)
            arrived_at = addresses_of(connection).acs_url
            return _sign_out(request, connection, sent, arrived_at=arrived_at)
        field, relay_state = _response_in(sent), sent.get("RelayState", "")
        parked = accept_response(
            slug,
            field,
            relay_state=relay_state,
            address=address,
            read_again=partial(follow, now=now, asked=True),
            now=now,
        )
    except AnswersTrial as answer:
        return _after_trial(request, slug, answer)
    except TooManyRefused:
        return too_many_attempts(request)
    except AnswersLogout:
        return after_logout(request, _login_address(find_connection(slug)))
    except MessageError as error:
        refused = refuse_message(find_connection(slug), error, address=address, now=now)
        return _after_failure(request, refused, address)
    except Refused as refused:
        return _after_failure(request, refused.sign_in, address)
    has_finished(address, now=now)
    response = HttpResponse(status=303)
    response.headers["Location"] = f"{reverse('saml_finish', args=[slug])}?code={parked.code}"
    response.headers["Referrer-Policy"] = "no-referrer"
    set_cookie(response, finish_cookie(parked.code), parked.cookie, max_age=60)
    return response


def _is_about_logout(field: str) -> bool:
    """Whether this is an answer to a sign-out of ours, which changes nothing here."""
    try:
        return saml.peek(saml.inflated(quote(field))).is_about_logout
    except MessageError:
        return False


def _after_redirect(request: HttpRequest, slug: str) -> HttpResponse:
    """A response in an address is never read (Profiles §4.1.2), but somebody should know of it."""
    if _is_about_logout(request.GET["SAMLResponse"]):
        return redirect(_login_address(find_connection(slug)))
    error = MessageError(
        "malformed_message",
        expected="a response in a form (HTTP-POST)",
        received="one in an address (HTTP-Redirect)",
        case="redirected",
    )
    now, address = timezone.now(), client_address(request)
    refused = refuse_message(find_connection(slug), error, address=address, now=now)
    return _after_failure(request, refused, address)


def _after_trial(request: HttpRequest, slug: str, answer: AnswersTrial) -> HttpResponse:
    """To the result, which only those see who may test this connection."""
    now, address = timezone.now(), client_address(request)
    trial = answer_trial(slug, answer, address=address, now=now)
    if trial is None:
        # An address where nothing is stays one.
        find_connection(slug)
        if fails_too_often("callback", address, MAX_REFUSED, now=now):
            return too_many_attempts(request)
        context = {
            "title": _("This test is over"),
            "text": _("It was answered already, or took longer than 15 minutes. Start it again."),
        }
        return render(request, "error.html", context, status=400)
    path = reverse("setup_test") if trial.by_setup_link else reverse("test_start")
    response = HttpResponse(status=303)
    response.headers["Location"] = f"{path}{trial.id}/"
    return response


def _posted(request: HttpRequest) -> QueryDict:
    """The fields of the form. Raises MessageError for one that is too large or unreadable."""
    try:
        return request.POST
    except _UNREADABLE as error:
        raise _unreadable(request, error) from error


def _response_in(sent: QueryDict) -> str:
    field = sent.get("SAMLResponse")
    if not field:
        raise MessageError(
            "malformed_message", expected="a form field SAMLResponse", received="none"
        )
    return field


_UNREADABLE = (SuspiciousOperation, MultiPartParserError, UnreadablePostError)


def _unreadable(request: HttpRequest, error: Exception) -> MessageError:
    if isinstance(error, RequestDataTooBig):
        return MessageError(
            "message_too_large",
            expected=f"at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes",
            received=f"{request.META.get('CONTENT_LENGTH', 'more')} bytes",
        )
    received = " ".join(str(error).split())[:200]
    return MessageError("malformed_message", expected="a form", received=received)


@require_GET
@known_connections_only
def metadata(request: HttpRequest, slug: str) -> HttpResponse:
    """Our own metadata for this connection, signed by the key that it publishes.

    With `?file`, a file to keep.
    """
    is_kept = "file" in request.GET
    document = own_metadata(find_connection(slug), now=timezone.now(), is_kept=is_kept)
    answer = HttpResponse(document, content_type="application/samlmetadata+xml")
    if is_kept:
        answer["Content-Disposition"] = f'attachment; filename="passerelle-{slug}-metadata.xml"'
    return answer


@require_GET
@known_connections_only
def certificate(request: HttpRequest, slug: str) -> HttpResponse:
    """The certificate of our key that signs now, for consoles that want a file."""
    key = signing_key(find_connection(slug), now=timezone.now())
    if key is None:
        raise Http404
    answer = HttpResponse(key.certificate.pem, content_type="application/x-pem-file")
    answer["Content-Disposition"] = f'attachment; filename="passerelle-{slug}.pem"'
    return answer


@csrf_exempt
@require_http_methods(["GET", "POST"])
@known_connections_only
def logout(request: HttpRequest, slug: str) -> HttpResponse:
    """Single logout: the identity provider asks for it, or answers that it is done."""
    try:
        # Before the connection is looked up: a body that comes slowly holds no database.
        sent = _posted(request) if request.method == "POST" else request.GET
    except MessageError as error:
        return _refused_logout(request, find_connection(slug), error)
    connection = find_connection(slug)
    if "SAMLRequest" not in sent:
        # An answer changes nothing here: our own session ended before we asked.
        return after_logout(request, _login_address(connection))
    return _sign_out(request, connection, sent, arrived_at=addresses_of(connection).logout_url)


def _sign_out(
    request: HttpRequest, connection: SamlConnection, sent: QueryDict, *, arrived_at: str
) -> HttpResponse:
    """Do what the identity provider's request asks for, where it can be believed."""
    now, relay_state = timezone.now(), sent.get("RelayState", "")
    if has_failed_too_often("logout", client_address(request), MAX_REFUSED, now=now):
        # Before it costs anything more.
        return too_many_attempts(request)
    if not connection.enabled:
        # Its sessions are none, and whose key it trusts may still be a stranger's to choose.
        error = MessageError(
            "connection_disabled",
            expected="a complete, enabled connection",
            received="switched off",
        )
        return _refused_logout(request, connection, error)
    try:
        certificates = trusted_certificates(connection)
        if request.method == "POST":
            field = sent.get("SAMLRequest", "")
            with reading(field):
                verified = saml.read_post(field, certificates)
        else:
            query = request.META.get("QUERY_STRING", "")
            verified = saml.read_redirect(query, "SAMLRequest", certificates)
        answer = accept_logout(
            connection, verified, arrived_at=arrived_at, relay_state=relay_state, now=now
        )
    except MessageError as error:
        return _refused_logout(request, connection, error)
    return redirect(_login_address(connection)) if answer is None else leave(request, answer)


def _login_address(connection: SamlConnection) -> str:
    return reverse("company_login", args=[connection.company.slug])


def _refused_logout(
    request: HttpRequest, connection: SamlConnection, error: MessageError
) -> HttpResponse:
    now, address = timezone.now(), client_address(request)
    refused = refuse_logout(connection, error, address=address, now=now)
    if fails_too_often("logout", address, MAX_REFUSED, now=now):
        return too_many_attempts(request)
    log.warning("a logout request was refused (%s): %s", refused.reference, error)
    context = {
        "title": _("This sign-out could not be carried out"),
        "text": _("You are still signed in here. Sign out on your dashboard instead."),
    }
    status = 413 if error.reason == "message_too_large" else 400
    return render(request, "error.html", context, status=status)


def _after_failure(request: HttpRequest, sign_in: SignIn, address: str | None) -> HttpResponse:
    if fails_too_often("callback", address, MAX_REFUSED, now=timezone.now()):
        return too_many_attempts(request)
    if sign_in.reason in CAME_BEFORE and sign_in.connection:
        # Came from another site, without the cookies that tell whether the person is in already.
        about = signing.dumps(str(sign_in.id), salt=CAME_AGAIN)
        response = HttpResponse(status=303)
        response.headers["Location"] = (
            f"{reverse('saml_again', args=[sign_in.connection.slug])}?about={about}"
        )
        return response
    return refused_page(request, sign_in)


CAME_BEFORE = ("assertion_replayed", "request_unknown")
"""Back and forth, or a form sent twice: the person may be in by the first one."""
CAME_AGAIN = "came again"
SHOWN_FOR = timedelta(minutes=10)


@require_GET
@known_connections_only
def again(request: HttpRequest, slug: str) -> HttpResponse:
    """To the dashboard, for somebody who is in; otherwise why the answer was refused."""
    login_address = _login_address(find_connection(slug))
    key = request.COOKIES.get(settings.SESSION_COOKIE, "")
    if find_session(key, now=timezone.now()):
        return redirect("/")
    try:
        about = signing.loads(request.GET.get("about", ""), salt=CAME_AGAIN, max_age=SHOWN_FOR)
    except signing.BadSignature:
        return redirect(login_address)
    found = SignIn.objects.select_related("connection__company", "company")
    sign_in = found.filter(id=about, connection__slug=slug).first()
    return redirect(login_address) if sign_in is None else refused_page(request, sign_in)
