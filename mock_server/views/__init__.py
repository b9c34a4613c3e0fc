"""HTTP at the edge: read the request, ask the service, write the answer."""
