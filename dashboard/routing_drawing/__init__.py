"""The way of a message as a drawing beside its story. Pure: `way` chooses what is drawn, `layout` says where it stands."""
