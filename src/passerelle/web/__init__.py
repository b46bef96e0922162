"""The pages: parse, call, answer. Uses administration and all that is below it."""
