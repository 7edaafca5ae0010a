"""Turns the year 2015 of `seattle-weather.csv` (see README.md) into events: python3 convert.py < CSV > JSONL."""

import csv
import datetime
import json
import sys

number = 0
for row in csv.DictReader(sys.stdin):
    day = datetime.datetime.strptime(row["date"], "%Y/%m/%d").replace(tzinfo=datetime.timezone.utc)
    if day.year != 2015:
        continue
    for kind in ("precipitation", "temp_max", "temp_min", "wind"):
        event = {
            "id": f"w-{number:04}",
            "ts": int(day.timestamp() * 1000),
            "sensor": "seattle",
            "kind": kind,
            "value": float(row[kind]),
        }
        print(json.dumps(event, separators=(",", ":")))
        number += 1
