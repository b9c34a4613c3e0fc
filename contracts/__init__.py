"""The contract between client and service: its documents, and checks of servers and clients against them."""
