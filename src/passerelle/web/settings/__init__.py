"""The pages of a company's security: connections, rules, domains. Uses frame and records."""
