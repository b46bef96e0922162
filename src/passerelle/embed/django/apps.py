from django.apps import AppConfig


class PasserelleEmbed(AppConfig):
    name = "passerelle.embed.django"
    label = "passerelle_embed"
    default_auto_field = "django.db.models.BigAutoField"
