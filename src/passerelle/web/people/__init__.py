"""The pages about people and their rights. Uses the frame and records."""
