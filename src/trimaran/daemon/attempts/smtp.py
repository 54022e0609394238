"""`SMTP_CHECK`: one conversation."""

from trimaran.daemon.attempts.stream import Stream
from trimaran.health import smtp
from trimaran.health.verdict import Verdict
from trimaran.model.check import SmtpCheck


async def attempt(check: SmtpCheck) -> Verdict:
    """Talk until there is a verdict. Raises Failed."""
    conversation = smtp.Conversation(check)
    async with Stream(check) as stream:
        while True:
            answer = conversation.take(await stream.receive())
            if isinstance(answer, Verdict):
                if answer.up:
                    await stream.send(smtp.QUIT)
                    await stream.receive()  # its farewell, so that it is not cut off in it
                return answer
            if answer is not None:
                await stream.send(answer)
