"""Configuration as a file: read it, make the installation match it, write it out again."""
