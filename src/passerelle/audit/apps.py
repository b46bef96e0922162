from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "passerelle.audit"
    label = "audit"
