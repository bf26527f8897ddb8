"""Speaks S3 on 127.0.0.1 with an empty bucket, s3_server.py BUCKET: prints its URL, and serves until it is killed."""
import signal
import sys

import requests
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
url = "http://%s:%d" % server.get_host_and_port()
requests.put(f"{url}/{sys.argv[1]}").raise_for_status()
print(f"serving {url} now", flush=True)
signal.pause()
