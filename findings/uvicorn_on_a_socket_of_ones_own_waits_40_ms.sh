#!/usr/bin/env bash
# uvicorn 0.54.0 (starlette 1.10.0, CPython 3.11.7, Linux): answers over a connection that is kept take 40 ms each if the listening
# socket was made as usual and handed over, and 1 ms if uvicorn makes it, or if it was made with the number of TCP.
#
# asyncio turns the delay of small packets off (TCP_NODELAY) for sockets whose `proto` is IPPROTO_TCP, and an accepted socket has
# the `proto` of the one that listens. `socket.socket(family, SOCK_STREAM)` has 0, so asyncio takes its connections for
# something other than TCP. uvicorn writes the head of an answer and its body one after another: the body waits until the client
# confirms the head, which a client on Linux does after 40 ms. There is no error and no warning; each connection gets at most 25
# answers a second. A socket of `socket.create_server` has the same `proto`.
#
# Output seen:
#   made as usual              TCP_NODELAY 0   41 ms a request
#   socket.create_server       TCP_NODELAY 0   39 ms a request
#   made with IPPROTO_TCP      TCP_NODELAY 1   0 ms a request
#   made by uvicorn            TCP_NODELAY 1   0 ms a request
#
# Run by hand: bash findings/uvicorn_on_a_socket_of_ones_own_waits_40_ms.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "uvicorn==0.54.0" "starlette==1.10.0"
cd "$folder"
cat > look.py <<'PYTHON'
import http.client
import socket
import threading
import time

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from starlette.responses import PlainTextResponse

seen = {}


async def app(scope, receive, send):
    await PlainTextResponse("yes")(scope, receive, send)


class Looking(H11Protocol):
    name = ""

    def connection_made(self, transport):
        super().connection_made(transport)
        own = transport.get_extra_info("socket")
        seen[self.name] = int(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)


def ask(name, made):
    kind = type("Own", (Looking,), {"name": name})
    config = uvicorn.Config(app, port=made.getsockname()[1] if made else PORT, http=kind, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made] if made else None}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    connection = http.client.HTTPConnection("127.0.0.1", config.port)
    begun = time.perf_counter()
    for _ in range(10):
        connection.request("GET", "/")
        connection.getresponse().read()
    seconds = time.perf_counter() - begun
    connection.close()
    server.should_exit = True
    thread.join()
    print(f"{name:26} TCP_NODELAY {seen[name]}   {100 * seconds:.0f} ms a request")


def usual(*protocol):
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, *protocol)
    found.bind(("127.0.0.1", 0))
    found.listen()
    return found


with usual() as free:
    PORT = free.getsockname()[1]
ask("made as usual", usual())
ask("socket.create_server", socket.create_server(("127.0.0.1", 0)))
ask("made with IPPROTO_TCP", usual(socket.IPPROTO_TCP))
ask("made by uvicorn", None)
assert list(seen.values()) == [0, 0, 1, 1], seen
PYTHON
"$folder/venv/bin/python" look.py
