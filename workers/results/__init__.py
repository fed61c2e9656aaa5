"""Result backends: how tasks ended, read and never written."""
