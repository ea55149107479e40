"""Every paid reply kept before it is read, and the append-only ledger of paid calls (promise 2).

Order of a call: intent into the ledger, fsync; request; raw body on disk, fsync; outcome into the ledger. An
intent without an outcome is a call whose bill is unknown.
"""

from xharchive.replies.ledger import Billed, Ledger
from xharchive.replies.ledger_report import (
    CutOff,
    LedgerReport,
    LedgerTotals,
    PaidCall,
    cut_off_calls,
    ledger_report,
    ledger_totals,
    paid_calls,
)
from xharchive.replies.reply_store import ReplyShelf

__all__ = [
    "Billed",
    "CutOff",
    "Ledger",
    "LedgerReport",
    "LedgerTotals",
    "PaidCall",
    "ReplyShelf",
    "cut_off_calls",
    "ledger_report",
    "ledger_totals",
    "paid_calls",
]
