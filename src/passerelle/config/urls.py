"""Every address of the service."""

from django.conf import settings
from django.urls import include, path

urlpatterns = [path("", include("passerelle.web.urls"))]

if settings.PASSERELLE.demo:
    urlpatterns.append(path("practice-idp/", include("passerelle.practice_idp.urls")))

handler400 = "passerelle.web.frame.errors.bad_request"
handler403 = "passerelle.web.frame.errors.forbidden"
handler404 = "passerelle.web.frame.errors.not_found"
handler500 = "passerelle.web.frame.errors.server_error"
