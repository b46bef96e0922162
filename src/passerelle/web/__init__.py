"""The pages: sign-in, a person's dashboard, and a company's administration."""
