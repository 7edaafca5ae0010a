# CHILDREN: how many it wants
import os, signal, sys
wanted, children = int(os.environ.get("CHILDREN", "500")), 0
try:
    while children < wanted:
        if os.fork() == 0:
            signal.pause()
        children += 1
except OSError as error:
    print("held at", children, error.errno)
    sys.exit(1)
print("forked", children)
