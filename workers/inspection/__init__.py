"""What workers answer to remote control, and the configuration that follows from it."""
