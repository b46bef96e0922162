from django.db import migrations, models
from django.db.models import F


def let_later_ones_migrate(apps, schema_editor):
    """Connections that share a provider already go on: all but the first are migrations."""
    connections = apps.get_model("sso", "SamlConnection").objects
    held = set()
    for row in connections.exclude(idp_entity_id="").order_by("created_at", "id"):
        if (row.company_id, row.idp_entity_id) in held:
            connections.filter(id=row.id).update(migrating_since=F("created_at"))
        held.add((row.company_id, row.idp_entity_id))


class Migration(migrations.Migration):

    dependencies = [
        ("directory", "0006_applications"),
        ("sso", "0006_trials_links_and_local_sign_in"),
    ]

    operations = [
        migrations.AddField(
            model_name="samlconnection",
            name="migrating_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(let_later_ones_migrate, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="samlconnection",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("migrating_since", None), models.Q(("idp_entity_id", ""), _negated=True)
                ),
                fields=("company", "idp_entity_id"),
                name="provider_held_by_one_connection",
            ),
        ),
    ]
