"""`python -m mock_server.cli`."""

from .main import main

main()
