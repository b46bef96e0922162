import pytest

from tests.configfile.files import Operator


@pytest.fixture
def operator(tmp_path, capsys):
    return Operator(tmp_path, capsys)
