"""Mail by SMTP. Only the standard library."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from dashboard.notifications.outside.web import STEP_SECONDS, Failed


def send(question: Mapping[str, Any], context: ssl.SSLContext) -> str:
    """What was not quite right, "" if nothing. Raises Failed, OSError and SMTPException."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = question["title"], question["sender"], ", ".join(question["recipients"])
    message["Date"], message["Message-ID"] = formatdate(), f"<{question['id']}@{question['sender'].rpartition('@')[2]}>"
    message["X-Hareline-Delivery"], message["Auto-Submitted"] = question["id"], "auto-generated"
    message.set_content(question["text"])
    host, port = question["host"], question["port"]
    with closing(
        smtplib.SMTP_SSL(host, port, timeout=STEP_SECONDS, context=context) if question["security"] == "tls" else smtplib.SMTP(host, port, timeout=STEP_SECONDS)
    ) as server:
        if question["security"] == "starttls":
            server.starttls(context=context)
        if question["user"]:
            _log_in(server, question["user"], question["password"])
        refused = server.send_message(message)
        with suppress(OSError, smtplib.SMTPException):  # the server has taken it: counted as failed, it would be sent again
            server.quit()
    many = len(question["recipients"])
    return f"the server refused {len(refused)} of {many} recipients" if refused else ""


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    try:
        server.login(user, password)
    except smtplib.SMTPServerDisconnected:
        raise Failed("the server closed the connection at the login") from None


def sentence(error: smtplib.SMTPException) -> str:
    """What went wrong, in words of ours: a server's own may repeat what it was given."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the server refused the user or the password (status {error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the server refused every recipient"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"the server refused the sender (status {error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the server offers no STARTTLS or no login"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the server closed the connection"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the server answered with status {error.smtp_code}"
    return f"the server did not take it ({type(error).__name__})"
