import django.db.models.deletion
from django.db import migrations, models


def name_the_makers(apps, schema_editor):
    """By the address that each link was made under; a link of nobody opens nothing."""
    users = apps.get_model("directory", "User").objects
    for link in apps.get_model("sso", "SetupLink").objects.all():
        link.maker = users.filter(company_id=link.company_id, email=link.made_by).first()
        link.save(update_fields=["maker"])


class Migration(migrations.Migration):

    dependencies = [
        ("directory", "0009_links_that_ended"),
        ("sso", "0013_google_is_no_saml_provider"),
    ]

    operations = [
        migrations.AddField(
            model_name="setuplink",
            name="maker",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="setup_links",
                to="directory.user",
            ),
        ),
        migrations.RunPython(name_the_makers, migrations.RunPython.noop),
    ]
