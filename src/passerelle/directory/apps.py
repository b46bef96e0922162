from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "passerelle.directory"
    label = "directory"
