"""Learns handwritten digits (the set that comes with scikit-learn) with a small network in PyTorch."""

import json
import os
import pathlib

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS = int(os.environ.get("EPOCHS", "20"))
output = pathlib.Path(os.environ["CYX_OUTPUT_DIR"])
kept = pathlib.Path(os.environ["CYX_CHECKPOINT_DIR"]) / "state.pt"
metrics = open(os.environ["CYX_METRICS"], "a", buffering=1)
device = "cuda" if torch.cuda.is_available() else "cpu"

torch.manual_seed(7)
digits = load_digits()
x, x_test, y, y_test = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=7)
x, x_test = (torch.tensor(part, dtype=torch.float32, device=device) for part in (x, x_test))
y, y_test = (torch.tensor(part, device=device) for part in (y, y_test))
print(f"{len(x)} digits to learn from, {len(x_test)} to test with, on {device}")

model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
start = 0
if kept.exists():
    state = torch.load(kept, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    start = state["epoch"]
    print(f"goes on from epoch {start}")

for epoch in range(start, EPOCHS):
    for batch in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch + 1}/{EPOCHS}: loss {loss.item():.3f}, {right:.1%} of unseen digits right")
    metrics.write(json.dumps({"step": epoch + 1, "total": EPOCHS, "loss": loss.item(), "accuracy": right}) + "\n")
    state = {"epoch": epoch + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, kept.with_suffix(".part"))
    kept.with_suffix(".part").rename(kept)

torch.save(model.state_dict(), output / "model.pt")
(output / "result.json").write_text(json.dumps({"accuracy": right, "epochs": EPOCHS}))
