"""The HTTP API as a whole: errors, parameters, authentication, routes. The calls themselves are in their subject's room."""
