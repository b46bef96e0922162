from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "passerelle.directory"
    label = "directory"

    def ready(self) -> None:
        from passerelle.directory.walls import stand_through_migrations

        stand_through_migrations(self)
