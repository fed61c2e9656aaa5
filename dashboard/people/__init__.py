"""People: who may do what where, accounts, tokens, and the audit log of logins."""
