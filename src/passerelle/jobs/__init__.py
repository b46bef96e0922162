"""What is done now and then, by whichever process is up. Uses administration and what is below."""
