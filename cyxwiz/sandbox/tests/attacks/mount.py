import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, result): print(name, "done" if result == 0 else os.strerror(ctypes.get_errno()))
attempt("mount", libc.mount(b"none", b"/mnt", b"tmpfs", 0, None))
attempt("mknod", libc.mknod(b"/tmp/null", 0o20666, os.makedev(1, 3)))
attempt("unshare", libc.unshare(0x10000000))
