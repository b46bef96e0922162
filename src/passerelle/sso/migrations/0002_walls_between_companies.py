"""Nothing: the walls between companies are raised after every migration (directory/walls.py)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sso", "0001_initial"), ("directory", "0002_initial")]

    operations = []
