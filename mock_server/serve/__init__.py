"""Sockets: one server process, or several that share a socket and a database."""
