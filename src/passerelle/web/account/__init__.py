"""The signed-in person's own pages. Uses the frame and the sign-in pages."""
