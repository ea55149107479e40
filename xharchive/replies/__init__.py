"""Save paid replies before they are parsed, and record each paid call in an append-only ledger (promise 2).

Order of a call: append the intent to the ledger, fsync; send the request; save the raw body, fsync; append
the outcome to the ledger. An intent without an outcome is a call that may have been billed.
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

__all__ = [
    "Billed",
    "CutOff",
    "Ledger",
    "LedgerReport",
    "LedgerTotals",
    "PaidCall",
    "cut_off_calls",
    "ledger_report",
    "ledger_totals",
    "paid_calls",
]
