"""What every page shares: the frame, addresses, the filter language, levels, formatting, charts. Rooms import it; it imports no room."""
