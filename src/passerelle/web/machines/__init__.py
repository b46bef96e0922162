"""What machines ask for on behalf of a company."""
