from django.apps import AppConfig


class PracticeIdpConfig(AppConfig):
    name = "passerelle.practice_idp"
    label = "practice_idp"
