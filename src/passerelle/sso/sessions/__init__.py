"""Open sessions, who may have one, and the locks of sign-ins. Uses connections and below."""
