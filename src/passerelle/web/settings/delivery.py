"""Settings > Delivery of security events: a webhook, and a bucket."""

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from passerelle.audit.events import EventName
from passerelle.audit.record import Entry, record
from passerelle.infra.fetch import FetchError
from passerelle.infra.sealing import CannotUnseal
from passerelle.infra.tokens import digest
from passerelle.sso.connections.connection import is_web_address
from passerelle.sso.connections.problems import metadata_sentence
from passerelle.sso.models import EventDelivery
from passerelle.sso.outbox.event_delivery import midnight, next_due, sealed_secret, send_test
from passerelle.web.frame.access import acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_before_waiting, confirmed_only
from passerelle.web.frame.fields import LineField, line
from passerelle.web.frame.middleware import PageRequest

MIN_SECRET = 16
"""Of a webhook: whoever guesses it can send events in our name."""
_NAME = re.compile(r"[\w./-]*", re.ASCII)


class DeliveryForm(forms.Form):
    """One receiver. An empty secret goes on with the one that is kept."""

    url = line(2048)
    bucket = line(100)
    region = line(50)
    folder = line(200)
    access_key = line(200)
    secret = LineField(max_length=500, required=False)

    def __init__(self, row: EventDelivery, **keywords: Any) -> None:
        super().__init__(prefix=row.kind, **keywords)
        self.row = row

    def clean_url(self) -> str:
        typed = str(self.cleaned_data["url"])
        strange = not is_web_address(typed) or ("?" in typed and self.row.kind == "bucket")
        if not typed.startswith("https://") or strange:
            raise forms.ValidationError(_("Enter an address that starts with https://"))
        return typed

    def _name(self, field: str) -> str:
        typed = str(self.cleaned_data[field])
        if not _NAME.fullmatch(typed) or ".." in typed:
            raise forms.ValidationError(_("Use letters, digits, and the signs - _ . / only."))
        return typed

    def clean_bucket(self) -> str:
        return self._name("bucket")

    def clean_folder(self) -> str:
        return self._name("folder")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        secret = values.get("secret", "")
        if not secret and not self.row.sealed_secret:
            self.add_error("secret", _("Enter the secret: without it nothing can be signed."))
        elif self.row.kind == EventDelivery.Kind.WEBHOOK and 0 < len(secret) < MIN_SECRET:
            self.add_error(
                "secret",
                _("Enter at least %(count)s characters, made by chance: they sign what is sent.")
                % {"count": MIN_SECRET},
            )
        if self.row.kind == EventDelivery.Kind.BUCKET:
            for name in ("bucket", "access_key"):
                if not values.get(name):
                    self.add_error(name, _("This is needed for a bucket."))
        return values


FIELDS = ("url", "bucket", "region", "folder", "access_key")


def _row(request: PageRequest, kind: str) -> EventDelivery:
    """The receiver of this kind, or a new one that is not saved."""
    company, now = company_of(request), timezone.now()
    found = company.deliveries.filter(kind=kind).select_related("company").first()
    return found or EventDelivery(
        company=company, kind=kind, sent_until=midnight(now), due_at=next_due(now)
    )


@require_safe
@administrators_only
def page(request: PageRequest) -> HttpResponse:
    return _page(request)


def _page(
    request: PageRequest, wrong: DeliveryForm | None = None, problem: str = ""
) -> HttpResponse:
    shown = []
    for kind in EventDelivery.Kind.values:
        row = _row(request, kind)
        form = DeliveryForm(row, initial={name: getattr(row, name) for name in FIELDS})
        if wrong is not None and wrong.row.kind == kind:
            form = wrong
        shown.append({"kind": kind, "row": row, "form": form, "saved": not row._state.adding})
    failed = wrong is not None or bool(problem)
    context = {
        "shown": shown,
        "problem": problem,
        "failed": failed,
        "done": "" if failed else request.GET.get("done", ""),
    }
    return render(request, "delivery.html", context, status=422 if failed else 200)


@require_POST
@administrators_only
@confirmed_only
def save(request: PageRequest, kind: str) -> HttpResponse:
    """Save a receiver; what happened today is the first that it gets, after midnight."""
    if kind not in EventDelivery.Kind.values:
        return redirect("delivery")
    row = _row(request, kind)
    if "remove" in request.POST:
        return _remove(request, row)
    form = DeliveryForm(row, data=request.POST)
    if not form.is_valid():
        return _page(request, form)
    before = _told(row)
    changes = {name: form.cleaned_data[name] for name in FIELDS}
    if secret := form.cleaned_data["secret"]:
        changes["sealed_secret"] = sealed_secret(row, secret)
    # At once, and not after the pause of the last failure; a delivery that is on its way to the
    # old receiver stops, since it has lost its date.
    changes |= {"due_at": timezone.now(), "tries": 0, "problem": ""}
    for name, value in changes.items():
        setattr(row, name, value)
    # Not how far it has come: that may be moving at this moment.
    if row._state.adding:
        row.save(force_insert=True)
    else:
        EventDelivery.objects.filter(id=row.id).update(**changes)
    after = _told(row)
    details: dict[str, Any] = {
        name: [before[name], after[name]] for name in after if before[name] != after[name]
    }
    details["secret_changed"] = bool(secret)
    entry = Entry(EventName.DELIVERY_CHANGED, kind, details)
    record([entry], company_id=row.company_id, **acting(request))
    return redirect(f"{reverse('delivery')}?done=saved")


def _told(row: EventDelivery) -> dict[str, str]:
    """What the audit log keeps for good: of an address no path or query, which may be secret."""
    parts = urlsplit(row.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    rest = row.url.removeprefix(origin).strip("/")
    told = {name: str(getattr(row, name)) for name in FIELDS}
    return told | {"url": f"{origin}/… ({digest(rest)[:8]})" if rest else row.url}


def _remove(request: PageRequest, row: EventDelivery) -> HttpResponse:
    if not row._state.adding:
        gone = {"url": [_told(row)["url"], ""]}
        entry = Entry(EventName.DELIVERY_CHANGED, row.kind, gone)
        record([entry], company_id=row.company_id, **acting(request))
        row.delete()
    return redirect(f"{reverse('delivery')}?done=removed")


@require_POST
@administrators_only
@confirmed_before_waiting
def test(request: PageRequest, kind: str) -> HttpResponse:
    """Send one made-up event now, to see that the receiver takes it."""
    row, now = _row(request, kind), timezone.now()
    if row._state.adding:
        return redirect("delivery")
    assert request.person is not None
    cells = ("test", "delivery:tested", "", request.person.email, "", "", "{}")
    try:
        send_test(row, (now, cells), now=now)
    except (FetchError, CannotUnseal) as error:
        why = metadata_sentence(error) if isinstance(error, FetchError) else str(error)
        problem = _("The receiver did not take it: %(error)s") % {"error": why}
        return _page(request, problem=problem)
    return redirect(f"{reverse('delivery')}?done=tested")
