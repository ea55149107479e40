"""The registry of endpoints and the setting that orders them."""

import pytest

from xharchive.errors import ExitCode, UsageError
from xharchive.models import NoteType
from xharchive.parsers import DEFAULT_ORDER, ENDPOINTS, parse_endpoint_order


def test_the_default_order_is_made_of_known_endpoints() -> None:
    """The default can be written as a setting."""
    assert tuple(row.name for row in parse_endpoint_order(",".join(DEFAULT_ORDER))) == DEFAULT_ORDER


@pytest.mark.parametrize("text", ["pgy,v6", " PGY , v6 ", "pgy v6", "pgy,,v6,pgy,"])
def test_an_order_is_read_leniently(text: str) -> None:
    """Case, spaces and repeats do not matter; the order does."""
    assert parse_endpoint_order(text) == (ENDPOINTS["pgy"], ENDPOINTS["v6"])


@pytest.mark.parametrize("text", ["", " , "])
def test_an_empty_order_is_refused(text: str) -> None:
    """Nobody to ask is a mistake, told before anything is paid."""
    with pytest.raises(UsageError, match="v1, v3, v7, v6, pgy"):
        parse_endpoint_order(text)


def test_an_unknown_name_is_refused_by_name() -> None:
    """The user reads which name is wrong and which ones exist."""
    with pytest.raises(UsageError, match=r"'v9'.*v1, v3, v7, v6, pgy") as refusal:
        parse_endpoint_order("v1,v9")
    assert refusal.value.exit_code is ExitCode.USAGE


def test_every_row_can_be_asked() -> None:
    """Rows are filed under their own name, have an absolute path of this API and serve something."""
    for name, row in ENDPOINTS.items():
        assert row.name == name
        assert row.path.startswith("/api/xiaohongshu")
        assert row.serves <= {NoteType.IMAGE, NoteType.VIDEO}
        assert row.serves
    assert [row.name for row in ENDPOINTS.values() if not row.declares_motion] == ["pgy"]
