"""The HTTP API: routes parse a request, build a command or a query, call its handler, and respond. They decide
nothing."""
