# the argument: a file that is not the job's
import os, sys
out = os.environ.get("CYX_OUTPUT_DIR", "/job/out")
os.symlink(sys.argv[1], f"{out}/model.bin")
os.symlink(os.path.dirname(sys.argv[1]), f"{out}/folder")
os.mkfifo(f"{out}/pipe")
open(f"{out}/real", "w").write("result")
