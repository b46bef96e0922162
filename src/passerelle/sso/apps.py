from django.apps import AppConfig


class SsoConfig(AppConfig):
    name = "passerelle.sso"
    label = "sso"
