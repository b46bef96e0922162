"""A page that needs a sign-in, and the addresses of the sign-in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


@login_required
def reports(request: HttpRequest) -> HttpResponse:
    employee = request.user
    kind = "editor" if employee.edits_reports else "reader"
    return HttpResponse(f"{employee.staff_number}: {employee.mail}, {kind}", "text/plain")


urlpatterns = [path("reports", reports), path("saml/", include("passerelle.embed.django.urls"))]
