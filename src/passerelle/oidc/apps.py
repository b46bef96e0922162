from django.apps import AppConfig


class OidcConfig(AppConfig):
    name = "passerelle.oidc"

    def ready(self) -> None:
        from passerelle.oidc.losses import stand_through_migrations

        stand_through_migrations(self)
