# in files; BLOCKS: how many of 2 MiB
import os
out, block = os.environ.get("CYX_OUTPUT_DIR", "/job/out"), b"x" * (2 << 20)
for n in range(int(os.environ.get("BLOCKS", "512"))):
    with open(f"{out}/{n}", "wb") as file: file.write(block)
print("filled")
