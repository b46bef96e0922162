"""What a password may need besides: the second factor, another password, an emergency."""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from passerelle.administration.enforcement import undo_by_code
from passerelle.directory.links import RESET_MINUTES, reset_user
from passerelle.directory.models import Company, User
from passerelle.infra.network import network_of
from passerelle.infra.qr_code import picture_of
from passerelle.provisioning import parse_email
from passerelle.sso.models import SecondStep
from passerelle.sso.outbox.letters import can_send, may_send_reset, queue_letter
from passerelle.sso.records.failures import count_failure, fails_too_often
from passerelle.sso.records.traces import keep_password_attempt
from passerelle.sso.sign_in import second_factor
from passerelle.sso.sign_in.passkeys import are_possible
from passerelle.sso.sign_in.password_rules import password_problem, reuse_problem, set_password
from passerelle.sso.sign_in.passwords import TooManyAttempts
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import delete_cookie
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.sign_in.admit_session import admit_session, barred_from_password

MAX_LETTERS = 5
"""Letters to one address within ten minutes that one network can cause; four times that in all."""
MAX_EMERGENCY = 20


@page_with_form
def second_step(request: PageRequest) -> HttpResponse:
    """The code of the app; or setting one up, where the company requires it."""
    step = second_factor.waiting_step(
        request.COOKIES.get(settings.SECOND_STEP_COOKIE), now=timezone.now()
    )
    if step is None:
        return render(request, "second_step_ended.html", status=410)
    if barred := barred_from_password(request, step.user):
        return barred
    if not second_factor.has_app(step.user):
        return _set_up(request, step)
    problem = ""
    if request.method == "POST":
        try:
            if second_factor.check_code(step.user, _code(request), now=timezone.now()):
                return _through(step, _in(request, step))
            problem = _wrong(request, step)
        except TooManyAttempts:
            problem = _("Too many failed attempts. Wait ten minutes, then try again.")
    context = {
        "user": step.user,
        "company": step.user.company,
        "problem": problem,
        "passkeys": are_possible() and step.user.passkeys.exists(),
    }
    return render(request, "second_step.html", context, status=422 if problem else 200)


def _code(request: PageRequest) -> str:
    return request.POST.get("code", "")[:100]


def _wrong(request: PageRequest, step: SecondStep) -> str:
    keep_password_attempt(
        step.user.company,
        user=step.user,
        reason="second_factor_wrong",
        check="second_factor",
        address=client_address(request),
        now=timezone.now(),
    )
    return _("This is not the code of this moment. Wait for the next one, and type that.")


def _in(request: PageRequest, step: SecondStep) -> HttpResponse:
    """The browser is remembered where that was ticked."""
    return admit_session(
        request, step.user, step.next, otp=True, remember="remember" in request.POST
    )


def _through(step: SecondStep, response: HttpResponse) -> HttpResponse:
    """The step is over."""
    SecondStep.objects.filter(id=step.id).delete()
    delete_cookie(response, settings.SECOND_STEP_COOKIE)
    return response


def _set_up(request: PageRequest, step: SecondStep) -> HttpResponse:
    secret, problem = second_factor.new_secret(step), ""
    if request.method == "POST":
        try:
            codes = _codes_of(request, step, secret)
        except TooManyAttempts:
            codes, problem = None, _("Too many failed attempts. Wait ten minutes, then try again.")
        if codes is not None:
            opened = _in(request, step)
            shown = {"codes": codes, "next": opened.get("Location", "/")}
            page = render(request, "recovery_codes.html", shown)
            page.cookies.update(opened.cookies)
            return _through(step, page)
        problem = problem or _wrong(request, step)
    context = {
        "user": step.user,
        "company": step.user.company,
        "secret": secret,
        "app_address": second_factor.address_for_app(step.user, secret),
        "picture": picture_of(second_factor.address_for_app(step.user, secret)),
        "problem": problem,
    }
    return render(request, "second_step_set_up.html", context, status=422 if problem else 200)


@transaction.atomic
def _codes_of(request: PageRequest, step: SecondStep, secret: str) -> list[str] | None:
    """Set the app up if the code is right, once however often it is sent at the same time."""
    second_factor.count_guess(step.user, now=timezone.now())
    is_there = User.objects.select_for_update().filter(id=step.user_id).first() is not None
    if not is_there or not SecondStep.objects.filter(id=step.id).exists():
        return None
    codes = second_factor.set_up(step.user, secret, _code(request), now=timezone.now())
    if codes is not None:
        SecondStep.objects.filter(id=step.id).delete()
    return codes


@page_with_form
def forgot(request: PageRequest, company_slug: str) -> HttpResponse:
    """Send a link to an address, and say the same whether it has an account or not."""
    company = _company(company_slug)
    context = {"company": company, "sent": False, "can_send": can_send()}
    if request.method == "POST" and can_send():
        typed, now = request.POST.get("email", ""), timezone.now()
        address, network = parse_email(typed), network_of(client_address(request))
        if address is None:
            context |= {"problem": _("Enter an e-mail address, such as ada@acme.example.")}
            return render(request, "forgot.html", {**context, "typed": typed}, status=422)
        # The network first: whoever asks too much uses up nobody else's letters.
        if (
            not fails_too_often("resets", client_address(request), MAX_LETTERS * 4, now=now)
            and count_failure("reset", f"{company.id}\0{address.key}\0{network}", now=now)
            <= MAX_LETTERS
            and may_send_reset(company, address.key, now=now)
        ):
            queue_letter(
                "password_reset",
                company,
                address.shown,
                now=now,
                email_key=address.key,
                language=get_language(),
                minutes=str(RESET_MINUTES),
            )
        context |= {"sent": True, "typed": address.shown}
    return render(request, "forgot.html", context)


@page_with_form
def reset(request: PageRequest, user_id: UUID, token: str) -> HttpResponse:
    """Choose another password, once; then sign in with it, second factor and all.

    Passkeys end where the link was mailed: somebody else may have added them, and who has the
    mailbox has to be able to shut them out.
    """
    try:
        user, by_mail = reset_user(user_id, token)
    except signing.BadSignature:
        return render(request, "reset_ended.html", status=410)
    problem, passkeys = "", by_mail and user.passkeys.exists()
    if request.method == "POST":
        password, now = request.POST.get("password", ""), timezone.now()
        problem = password_problem(user, password)
        problem = problem or reuse_problem(user, password)
        if not problem and not set_password(user, password, end_passkeys=by_mail, now=now):
            return render(request, "reset_ended.html", status=410)
        if not problem:
            queue_letter(
                "password_changed",
                user.company,
                user.email,
                now=now,
                language=user.language or get_language(),
                passkeys=passkeys,
            )
            return redirect(
                f"{reverse('company_login', args=[user.company.slug])}?password&done=reset"
            )
    context = {
        "account": user,
        "company": user.company,
        "problem": problem,
        "expired": "expired" in request.GET,
        "passkeys": passkeys,
    }
    response = render(request, "reset.html", context, status=422 if problem else 200)
    response.headers["Referrer-Policy"] = "same-origin"
    return response


@page_with_form
def emergency(request: PageRequest, company_slug: str) -> HttpResponse:
    """Undo that single sign-on alone is allowed, by one of the company's codes."""
    company, problem, done = _company(company_slug), "", False
    if request.method == "POST":
        now, address = timezone.now(), client_address(request)
        if company.sso_enforcement == Company.Enforcement.OFF:
            problem = _("Passwords are allowed already: no code is needed.")
        elif undo_by_code(company, request.POST.get("code", "")[:100], address=address, now=now):
            # Before anything is counted: nobody guesses a hundred bits, but somebody may sit in a
            # network whose attempts others have used up.
            done = True
        elif fails_too_often("emergency", address, MAX_EMERGENCY, now=now):
            problem = _("Too many failed attempts. Wait ten minutes, then try again.")
        else:
            problem = _("This is no unused emergency code of this company.")
    context = {"company": company, "problem": problem, "done": done}
    return render(request, "emergency.html", context, status=422 if problem else 200)


def _company(slug: str) -> Company:
    company = Company.objects.filter(slug=slug).first()
    if company is None:
        raise Http404
    return company
