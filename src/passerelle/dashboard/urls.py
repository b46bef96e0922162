"""The addresses of the pages and of SAML."""

from django.urls import path

from passerelle.dashboard.views import door, home, language, metrics, saml, security, sign_ins

urlpatterns = [
    path("", home.home),
    path("login/", door.find_company),
    path("login/<slug:company_slug>/", door.company_door),
    path("logout/", door.logout),
    path("activate/<uuid:user_id>/<str:token>/", door.activate),
    path("metrics", metrics.metrics),
    path("language/", language.choose),
    path("auth/saml/<slug:slug>/login", saml.login),
    path("auth/saml/<slug:slug>/callback", saml.callback),
    path("auth/saml/<slug:slug>/finish", saml.finish),
    path("auth/saml/<slug:slug>/metadata", saml.metadata),
    path("auth/saml/<slug:slug>/logout", saml.logout),
    path("settings/security/", security.settings_page),
    path("settings/security/key/", security.rotate),
    path("settings/security/metadata/", security.decide_metadata),
    path("settings/sign-ins/", sign_ins.sign_in_list),
    path("settings/sign-ins/<slug:reference>/", sign_ins.sign_in_detail),
    path("settings/sign-ins/<slug:reference>/approve/", sign_ins.approve_newcomer),
    path("settings/sign-ins/<slug:reference>/certificate/", sign_ins.accept_certificate),
]
