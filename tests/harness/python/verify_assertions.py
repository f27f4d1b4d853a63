"""Verifies what security keys have signed, by the call that authentik makes
(authentik/stages/authenticator_validate/challenge.py).

Reads one JSON object a line, and answers each with one."""

import json
import sys

from webauthn import base64url_to_bytes, verify_authentication_response
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import InvalidAuthenticationResponse, InvalidJSONStructure


def judge(case):
    try:
        verified = verify_authentication_response(
            credential=parse_authentication_credential_json(case["answer"]),
            expected_challenge=base64url_to_bytes(case["challenge"]),
            expected_rp_id=case["rp_id"],
            expected_origin=case["origin"],
            credential_public_key=bytes.fromhex(case["public_key"]),
            credential_current_sign_count=case["count"],
            require_user_verification=case["required"],
        )
    except (InvalidAuthenticationResponse, InvalidJSONStructure) as error:
        return {"accepted": False, "why": str(error)}
    return {
        "accepted": True,
        "user_verified": verified.user_verified,
        "count": verified.new_sign_count,
    }


for line in sys.stdin:
    print(json.dumps(judge(json.loads(line))))
