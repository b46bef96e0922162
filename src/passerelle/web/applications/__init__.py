"""Owns the pages about applications: which there are, for whom, and what to paste into each."""
