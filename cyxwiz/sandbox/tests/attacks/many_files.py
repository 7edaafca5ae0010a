import os
out = os.environ.get("CYX_OUTPUT_DIR", "/job/out")
for n in range(100_000): open(f"{out}/{n}", "w").close()
print("made them")
