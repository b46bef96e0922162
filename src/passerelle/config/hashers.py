"""How passwords are hashed."""

from django.contrib.auth import hashers


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Argon2id with OWASP's first choice of parameters: 19 MiB, two passes, one thread.

    Django's own takes 100 MiB and eight threads for each attempt, which a stranger can ask for as
    often as they like.
    """

    memory_cost = 19 * 1024
    parallelism = 1
