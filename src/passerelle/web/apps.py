from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "passerelle.web"
    label = "dashboard"
