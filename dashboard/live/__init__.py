"""Live pages: topics, patches, the hub and the tail. docs/live.md is the protocol."""
