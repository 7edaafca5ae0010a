# in one file; BLOCKS: how many of 2 MiB
import os
out, block = os.environ.get("CYX_OUTPUT_DIR", "/job/out"), b"x" * (2 << 20)
with open(f"{out}/one", "wb") as file:
    for n in range(int(os.environ.get("BLOCKS", "512"))): file.write(block)
print("filled")
