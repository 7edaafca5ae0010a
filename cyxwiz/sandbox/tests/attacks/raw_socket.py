import socket
for family, kind, protocol in [(socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, 3)]:
    try:
        socket.socket(family, kind, protocol)
        print("raw")
    except OSError as error:
        print(error.errno)
