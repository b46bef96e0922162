"""What every page shares: who asks, cookies, errors, labels. Uses no other room of the pages."""
