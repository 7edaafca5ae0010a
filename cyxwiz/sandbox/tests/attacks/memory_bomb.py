# PLACE: a file in memory, else its own heap
import os
place = os.environ.get("PLACE")
if place:
    open(place, "wb").write(b"x" * (300 << 20))
else:
    hoard = bytearray(b"x") * (300 << 20)
print("took it")
