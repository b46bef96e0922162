"""What is kept of sign-ins and failures, and how it is explained. Uses the models only."""
