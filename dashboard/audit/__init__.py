"""The audit log as people read it: a page, an export, a call."""
