"""What client and service have agreed to, and the kit that checks it."""
