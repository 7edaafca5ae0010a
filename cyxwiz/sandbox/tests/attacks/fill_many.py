# in files
import os
out, block = os.environ.get("CYX_OUTPUT_DIR", "/job/out"), b"x" * (2 << 20)
for n in range(1024):
    with open(f"{out}/{n}", "wb") as file: file.write(block)
print("filled")
