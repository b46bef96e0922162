"""The pages about what happened: sign-ins, audit log, events, metrics. Uses the frame."""
