"""The path of a message as a drawing. Pure: `path` chooses what is drawn, `layout` positions it."""
