"""Views: parse, call, answer."""
