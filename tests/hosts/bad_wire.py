#!/usr/bin/env python3
"""A wire that delays packets and loses some: bad_wire.py INTERFACE INTERFACE DELAY_MS LOSS

Whatever arrives at one interface leaves by the other, so much later. LOSS is the share that never does.
Says "passing on" when it runs, and at SIGTERM how many packets it has passed on and lost.
"""
import collections
import random
import select
import signal
import socket
import sys
import time

ALL_PROTOCOLS = socket.htons(3)
SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 15, 4  # <linux/if_packet.h>
LARGEST = 1 << 17


def socket_of(interface):
    """With a header before each frame that says what of its checksum is still to be computed: it is passed on with the frame."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ALL_PROTOCOLS)
    made.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    made.bind((interface, 0))
    return made


def stop(*_):
    raise SystemExit


def main(first, second, delay_ms, loss):
    ends = [socket_of(first), socket_of(second)]
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    choose, on_the_way, n_passed, n_lost = random.Random(1), collections.deque(), 0, 0
    signal.signal(signal.SIGTERM, stop)
    print("passing on", flush=True)
    try:
        while True:
            wait = max(0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
            for end in select.select(ends, [], [], wait)[0]:
                frame, address = end.recvfrom(LARGEST)
                if address[2] == PACKET_OUTGOING:  # sent by this program
                    continue
                if choose.random() < float(loss):
                    n_lost += 1
                else:
                    on_the_way.append((time.monotonic() + float(delay_ms) / 1000, other[end], frame))
            while on_the_way and on_the_way[0][0] <= time.monotonic():
                _, end, frame = on_the_way.popleft()
                end.send(frame)
                n_passed += 1
    finally:
        print(n_passed, n_lost, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
