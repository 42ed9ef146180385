"""One comparable form of a column's value, whichever server and driver it comes from."""

import datetime
import decimal
import hashlib
import json

JSON_COLUMNS = {"profile", "attributes", "content", "meta"}


def normal(column, value):
    if value is None:
        return None
    if column in JSON_COLUMNS:
        # Servers reorder keys and re-space what they store.
        return json.loads(value) if isinstance(value, (str, bytes)) else value
    if isinstance(value, bytes):
        return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:32]}"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, (set, frozenset)):
        return ",".join(sorted(value))
    return value
