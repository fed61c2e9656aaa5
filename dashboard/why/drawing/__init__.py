"""The path of a message as a drawing beside its story. Pure: `path` chooses what is drawn, `layout` says where it stands."""
