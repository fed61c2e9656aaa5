"""Real worker nodes and a watch of their virtual host, as tests of workers have them."""

from tests.workers.conftest import watching, workers

__all__ = ["watching", "workers"]
