"""The overview: incidents, the figures behind them, and the brokers with their nodes."""
