"""Every address of the service."""

from django.conf import settings
from django.urls import include, path

urlpatterns = [path("", include("passerelle.dashboard.urls"))]

if settings.PASSERELLE.demo:
    urlpatterns.append(path("practice-idp/", include("passerelle.practice_idp.urls")))

handler400 = "passerelle.dashboard.views.errors.bad_request"
handler403 = "passerelle.dashboard.views.errors.forbidden"
handler404 = "passerelle.dashboard.views.errors.not_found"
handler500 = "passerelle.dashboard.views.errors.server_error"
