"""The overview: what needs somebody, the figures that prove it, and the brokers with their nodes."""
