"""The Flask edge: reads requests, asks the service, writes answers."""
