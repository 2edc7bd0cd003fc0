"""An SMTP server that prints each mail it gets, as JSON in a line."""

import asyncio
import email
import email.policy
import json
from typing import Any

from aiosmtpd.smtp import SMTP


class Printer:
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(("plain", "html"))
        assert body is not None
        text = body.get_content()
        print(json.dumps({"to": envelope.rcpt_tos, "title": str(mail["Subject"]), "message": text}), flush=True)
        return "250 OK"


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Printer()), "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
