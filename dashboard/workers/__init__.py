"""Worker nodes: the board and the table, one node's page, and the same over HTTP."""
