"""A process that makes contents and has hardly any memory for them."""

from mock_server.products import builder, worker


def main(descriptor: int) -> None:
    """Make contents that need twice the memory."""
    worker.MEMORY_BYTES = 512 * 2**20

    def files(_self: builder.ProductBuilder, _order: object) -> dict[str, bytes]:
        return {"": bytes(2 * worker.MEMORY_BYTES)}

    builder.ProductBuilder.files = files  # type: ignore[method-assign, assignment]
    worker.main(descriptor)
