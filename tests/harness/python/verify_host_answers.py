"""Verifies the answers with which a host proves which one it is, by Python's own hmac and json.

Reads one JSON object a line, and answers each with one."""

import base64
import hashlib
import hmac
import json
import sys


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def judge(case):
    header, claims, signature = case["answer"].split(".")
    signed = f"{header}.{claims}".encode()
    expected = hmac.new(case["token"].encode(), signed, hashlib.sha512).digest()
    return {
        "header": json.loads(decoded(header)),
        "claims": json.loads(decoded(claims)),
        "verified": hmac.compare_digest(expected, decoded(signature)),
        "padded": "=" in case["answer"],
    }


for line in sys.stdin:
    print(json.dumps(judge(json.loads(line))), flush=True)
