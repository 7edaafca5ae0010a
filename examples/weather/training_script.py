"""Learns to tell tomorrow's highest temperature from today's weather: linear regression, nothing but the standard library."""

import csv
import json
import math
import os
import pathlib
import signal
import time

EPOCHS = int(os.environ.get("EPOCHS", "300"))
PAUSE = float(os.environ.get("PAUSE", "0"))  # seconds an epoch, to watch it at leisure
RATE = 0.05

job = pathlib.Path("/job")
output = pathlib.Path(os.environ["CYX_OUTPUT_DIR"])
checkpoints = pathlib.Path(os.environ["CYX_CHECKPOINT_DIR"])
metrics = open(os.environ["CYX_METRICS"], "a", buffering=1)


def features(day, day_of_year):
    season = 2 * math.pi * day_of_year / 365
    return [1.0, float(day["precipitation_mm"]), float(day["temp_max_c"]), float(day["temp_min_c"]),
            float(day["wind_ms"]), math.sin(season), math.cos(season)]


def read():
    with open(job / "data" / "seattle-2015.csv", newline="") as file:
        days = list(csv.DictReader(file))
    pairs = [(features(day, n), float(days[n + 1]["temp_max_c"])) for n, day in enumerate(days[:-1])]
    return pairs


def scaled(pairs):
    columns = list(zip(*(x for x, _ in pairs)))
    means = [0.0] + [sum(c) / len(c) for c in columns[1:]]
    spreads = [1.0] + [math.sqrt(sum((v - m) ** 2 for v in c) / len(c)) or 1.0 for c, m in zip(columns[1:], means[1:])]
    return [([(v - m) / s for v, m, s in zip(x, means, spreads)], y) for x, y in pairs], means, spreads


def error(weights, pairs):
    return math.sqrt(sum((sum(w * v for w, v in zip(weights, x)) - y) ** 2 for x, y in pairs) / len(pairs))


def save(path, value):
    """Whole or not at all: written beside, then renamed."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(value))
    beside.rename(path)


stopped = False


def stop(*_):
    global stopped
    stopped = True


# a job that is cancelled, or whose time or money is over, has a minute from here on
signal.signal(signal.SIGTERM, stop)

pairs, means, spreads = scaled(read())
train, test = [p for n, p in enumerate(pairs) if n % 5], pairs[::5]
print(f"{len(train)} days to learn from, {len(test)} to test with")

kept = checkpoints / "state.json"
start, weights = 0, [0.0] * len(train[0][0])
if kept.exists():
    state = json.loads(kept.read_text())
    start, weights = state["epoch"], state["weights"]
    print(f"goes on from epoch {start}")

for epoch in range(start, EPOCHS):
    slope = [0.0] * len(weights)
    for x, y in train:
        miss = sum(w * v for w, v in zip(weights, x)) - y
        for n, v in enumerate(x):
            slope[n] += miss * v / len(train)
    weights = [w - RATE * s for w, s in zip(weights, slope)]
    loss = error(weights, train)
    metrics.write(json.dumps({"step": epoch + 1, "total": EPOCHS, "loss": round(loss, 6)}) + "\n")
    if (epoch + 1) % max(1, EPOCHS // 10) == 0:
        print(f"epoch {epoch + 1}/{EPOCHS}: misses by {loss:.2f} °C")
        save(kept, {"epoch": epoch + 1, "weights": weights})
    if stopped:
        print(f"asked to stop after epoch {epoch + 1}: leaves the model as it is")
        break
    time.sleep(PAUSE)

print(f"on days it has not seen it misses by {error(weights, test):.2f} °C")
save(output / "model.json", {"weights": weights, "means": means, "spreads": spreads, "rmse_c": error(weights, test)})
