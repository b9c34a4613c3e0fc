"""Carries one HTTP exchange from a client to the simulator, without or with a socket."""
