from django.db import migrations, models


def mark_what_holders_left(apps, schema_editor):
    """Whoever opened a link may have entered the address of a connection that is off."""
    connections = apps.get_model("sso", "SamlConnection").objects
    left = connections.filter(enabled=False, setup_link__opened_at__isnull=False)
    left.exclude(metadata_url="").update(metadata_by_link=True)


class Migration(migrations.Migration):

    dependencies = [
        ("sso", "0011_connections_of_one_name_in_order"),
    ]

    operations = [
        migrations.AddField(
            model_name="samlconnection",
            name="metadata_by_link",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunPython(mark_what_holders_left, migrations.RunPython.noop),
    ]
