"""Django's SQLite back end, with a queue in front of the write lock."""
