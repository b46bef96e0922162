from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("directory", "0008_same_person"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="links_ended",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
