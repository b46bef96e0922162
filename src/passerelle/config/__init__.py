"""How an installation is set up: the environment, and Django's settings made from it."""
