from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models


class Employee(AbstractBaseUser):
    """This project's own idea of a person."""

    staff_number = models.CharField(max_length=100, unique=True)
    mail = models.EmailField(blank=True)
    edits_reports = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "staff_number"
