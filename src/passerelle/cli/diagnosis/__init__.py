"""What is wrong with an installation or with a proxy in front of a dashboard, and what to do."""
