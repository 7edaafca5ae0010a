# the arguments: HOST:PORT, each; `gateway` is this container's own
import socket, struct, sys
def gateway():
    route = next(line.split() for line in open("/proc/net/route").readlines()[1:] if line.split()[1] == "00000000")
    return socket.inet_ntoa(struct.pack("<L", int(route[2], 16)))
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        with socket.create_connection((gateway() if host == "gateway" else host, int(port)), 2) as stream:
            stream.sendall(b"x")
            print(host, stream.recv(6).decode())
    except OSError as error:
        print(host, "held")
