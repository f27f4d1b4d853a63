"""Speaks to cockpit-session as cockpit-ws does: USER PASSWORD [ANSWER...].

It prints what Cockpit's page shows, and how the login ends.
"""

import base64
import json
import subprocess
import sys

user, password, *answers = sys.argv[1:]
session = subprocess.Popen(
    ["/usr/lib/cockpit/cockpit-session", "localhost"],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
)


def read():
    """The next message of the control channel: its length, a line, JSON."""
    while True:
        length = session.stdout.readline()
        if not length:
            sys.exit("it has ended")
        channel, _, text = session.stdout.read(int(length)).partition(b"\n")
        if not channel:
            return json.loads(text)


def respond(to, response):
    # cockpit-session takes these keys in this order, without blanks.
    answer = {"command": "authorize", "cookie": to["cookie"], "response": response}
    text = b"\n" + json.dumps(answer, separators=(",", ":")).encode()
    session.stdin.write(b"%d\n" % len(text) + text)
    session.stdin.flush()


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


while True:
    message = read()
    if message["command"] != "authorize":
        print("end:", message.get("problem", "logged in"), message.get("message", ""))
        session.stdin.close()
        break
    if message["challenge"] == "*":
        respond(message, "Basic " + base64_of(user + ":" + password))
        continue
    kind, nonce, prompt = message["challenge"].split(" ")
    print("above:", message.get("message") or "")
    print("prompt:", base64.b64decode(prompt).decode())
    respond(message, " ".join([kind, nonce, base64_of(answers.pop(0))]))
