import importlib.util
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "cases"


@pytest.fixture(scope="session")
def routers():
    """The functions that `$router` names in the cases."""
    spec = importlib.util.spec_from_file_location("routers", CASES / "routing" / "celery_routers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)
