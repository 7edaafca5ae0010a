# the argument: a program that is root's and setuid; without one, every such program of the image and a change of one's own
import ctypes, os, stat, subprocess, sys
def runs(program):
    done = subprocess.run([program, "-c", "import os; print(os.geteuid())"], capture_output=True, text=True)
    return done.stdout.strip()
def rooted(path):
    try: about = os.lstat(path)
    except OSError: return False
    return stat.S_ISREG(about.st_mode) and about.st_mode & stat.S_ISUID and about.st_uid == 0
if sys.argv[1:]:
    print(runs(sys.argv[1]))
else:
    held = os.geteuid() != 0
    for folder in ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib"]:
        for at, _, names in os.walk(folder):
            for path in filter(rooted, (os.path.join(at, name) for name in names)):
                # what such a program is for: a shell of root's
                done = subprocess.run([path, "-c", "id -u"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
                held = held and done.stdout.strip() != "0"
    try: os.setuid(0); held = False
    except PermissionError: pass
    print("held" if held else "root")
