# in one file
import os
out, block = os.environ.get("CYX_OUTPUT_DIR", "/job/out"), b"x" * (2 << 20)
with open(f"{out}/one", "wb") as file:
    for n in range(1024): file.write(block)
print("filled")
