"""The signed statement of a verdict: statement, envelope, keys, trust, and reading them from untrusted bytes."""
