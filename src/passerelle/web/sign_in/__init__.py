"""The pages and addresses by which people sign in. Uses the frame."""
