"""The list Blocked User Roles in the order of who blocked: a page reads its own rows alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("licensing", "0005_devices")]

    operations = [
        migrations.AddIndex(
            model_name="licenseroleblock",
            index=models.Index(fields=["tenant", "group", "created_by", "id"], name="licenseroleblock_by"),
        ),
    ]
