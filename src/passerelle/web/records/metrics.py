"""/metrics: what a monitoring system watches, in Prometheus' text format."""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import User
from passerelle.infra.network import is_within
from passerelle.sso.models import SamlConnection, Session, SignIn
from passerelle.sso.outbox.expiry_notices import signing_certificate
from passerelle.web.frame.client import client_address

Sample = tuple[dict[str, str], float]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Read from the database at each request, so that every replica says the same."""
    if not is_within(client_address(request), settings.PASSERELLE.metrics_networks):
        raise Http404
    lines = [line for metric in _metrics() for line in _written(*metric)]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")


def _metrics() -> Iterator[tuple[str, str, str, Iterable[Sample]]]:
    """Name, kind, help and samples of each."""
    sign_ins = SignIn.objects.order_by().values("outcome", "reason").annotate(n=Sum("count"))
    yield (
        "passerelle_sign_ins_total",
        "counter",
        "Sign-ins by outcome and reason.",
        [
            ({"outcome": sign_in["outcome"], "reason": sign_in["reason"]}, sign_in["n"])
            for sign_in in sign_ins
        ],
    )
    visits = SignIn.objects.filter(application__isnull=False).order_by()
    by_application = visits.values("company__slug", "application__name", "outcome")
    yield (
        "passerelle_application_sign_ins_total",
        "counter",
        "Sign-ins into applications by outcome; somebody's within an hour are one.",
        [
            (
                {
                    "company": visit["company__slug"],
                    "application": visit["application__name"],
                    "outcome": visit["outcome"],
                },
                visit["n"],
            )
            for visit in by_application.annotate(n=Sum("count"))
        ],
    )
    users = User.objects.order_by().values("status").annotate(n=Count("id"))
    yield (
        "passerelle_users",
        "gauge",
        "Accounts by status.",
        [({"status": user["status"]}, user["n"]) for user in users],
    )
    now = timezone.now()
    open_sessions = Session.objects.filter(expires_at__gt=now).count()
    yield ("passerelle_sessions", "gauge", "Sessions that are open.", [({}, open_sessions)])
    unsealed = AuditEvent.objects.filter(sequence__isnull=True).count()
    yield ("passerelle_audit_unsealed", "gauge", "Audit events not sealed yet.", [({}, unsealed)])
    connections = list(SamlConnection.objects.filter(enabled=True).prefetch_related("certificates"))
    signing = [
        (connection.slug, signing_certificate(connection.certificates.all()))
        for connection in connections
    ]
    yield (
        "passerelle_certificate_days_left",
        "gauge",
        "Days until the certificate that a connection was last seen signing with expires.",
        [
            ({"connection": slug}, round((one.not_after - now).total_seconds() / 86400, 2))
            for slug, one in signing
            if one is not None
        ],
    )
    yield (
        "passerelle_metadata_needs_attention",
        "gauge",
        "1 while metadata cannot be read, or a change of it waits for an administrator.",
        [
            (
                {"connection": connection.slug},
                float(bool(connection.metadata_problem or connection.metadata_held)),
            )
            for connection in connections
            if connection.metadata_url
        ],
    )


def _written(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(of)}"' for label, of in labels.items())
        yield f"{name}{{{shown}}} {value}" if shown else f"{name} {value}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
