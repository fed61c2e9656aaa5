"""What pages are made of: each module asks `queries`, lets pure code decide, and answers one page's context. Views only answer requests."""
