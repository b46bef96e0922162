from django.db import migrations, models
from django.db.models import F

GOOGLE = "https://accounts.google.com"


def take_google_away(apps, schema_editor):
    """A connection that claims it goes off, with whom it let in and whom it said to know."""
    rows = apps.get_model("sso", "SamlConnection").objects.filter(idp_entity_id=GOOGLE)
    claimed = list(rows.values_list("id", flat=True))
    companies = list(rows.values_list("company_id", flat=True))
    rows.update(idp_entity_id="", enabled=False)
    apps.get_model("sso", "Session").objects.filter(connection_id__in=claimed).delete()
    identities = apps.get_model("directory", "ExternalIdentity").objects
    identities.filter(connection_id__in=claimed, idp_entity_id=GOOGLE).delete()
    company = apps.get_model("directory", "Company").objects.filter(id__in=companies)
    company.update(version=F("version") + 1)


class Migration(migrations.Migration):

    dependencies = [
        ("directory", "0008_same_person"),
        ("sso", "0012_addresses_that_came_by_link"),
    ]

    operations = [
        migrations.RunPython(take_google_away, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="samlconnection",
            constraint=models.CheckConstraint(
                condition=models.Q(("idp_entity_id", "https://accounts.google.com"), _negated=True),
                name="google_is_no_saml_provider",
            ),
        ),
    ]
