"""Connections with a server."""

import json
import os

import grpc

# Every call may be repeated: those that change something carry a request_id, or are idempotent by nature.
_RETRY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def connect(server=None, tls_ca=None, token=None, token_file=None, tls_certificate=None, tls_key=None):
    """A gRPC channel. What is not given is taken from the environment, as the command line programs take it:
    LORASWEEP_SERVER, LORASWEEP_TLS_CA, LORASWEEP_TOKEN or LORASWEEP_TOKEN_FILE, LORASWEEP_TLS_CERTIFICATE and
    LORASWEEP_TLS_KEY. Without an authority (tls_ca) the connection is not encrypted and carries no secrets.
    """
    environment = os.environ.get
    server = server or environment("LORASWEEP_SERVER") or "127.0.0.1:50151"
    tls_ca = tls_ca or environment("LORASWEEP_TLS_CA")
    options = [
        ("grpc.service_config", json.dumps(_RETRY)),
        ("grpc.max_receive_message_length", 64 << 20),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if not tls_ca:
        return grpc.insecure_channel(server, options)
    if not token and not token_file:
        token, token_file = environment("LORASWEEP_TOKEN"), environment("LORASWEEP_TOKEN_FILE")
    if not token and token_file:
        token = _read(token_file).decode().strip()
    certificate = tls_certificate or environment("LORASWEEP_TLS_CERTIFICATE")
    key = tls_key or environment("LORASWEEP_TLS_KEY")
    credentials = grpc.ssl_channel_credentials(
        _read(tls_ca), _read(key) if key else None, _read(certificate) if certificate else None
    )
    if token:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
    return grpc.secure_channel(server, credentials, options)
