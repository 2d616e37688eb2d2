"""What most begin with: one Celery task for each message, which inserts a row, sends, and updates the row.

    celery -A benchmarks.task_each worker      reads TASK_EACH_BROKER, TASK_EACH_DATABASE, TASK_EACH_URL

No claim, no check, no rendering, no rate, no count: only what the words say, with Celery, SQLAlchemy and Twilio's SDK
as their own first pages show them; each commit is as durable as the engine's.
"""

from __future__ import annotations

import os
from functools import cache

from celery import Celery
from sqlalchemy import BigInteger, Column, DateTime, Engine, Identity, MetaData, Table, Text, create_engine, func
from twilio.rest import Client

from benchmarks.posting import ACCOUNT, CALLBACK, SENDER, TOKEN

QUEUE = "messages"
_metadata = MetaData()
messages = Table(
    "plain_messages",
    _metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("address", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("provider_id", Text),
    Column("sent_at", DateTime(timezone=True)),
)
app = Celery("task_each", broker=os.environ.get("TASK_EACH_BROKER"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@cache
def _engine() -> Engine:
    return create_engine(os.environ["TASK_EACH_DATABASE"].replace("postgresql://", "postgresql+psycopg://", 1))


@cache
def _client() -> Client:
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = os.environ["TASK_EACH_URL"]
    return client


@app.task(name="task_each.send")
def send(to: str, body: str) -> None:
    """Send one message."""
    with _engine().begin() as connection:
        made = connection.execute(messages.insert().values(address=to, body=body, state="sending"))
        (number,) = made.inserted_primary_key
    taken = _client().messages.create(to=to, from_=SENDER, body=body, status_callback=CALLBACK)
    with _engine().begin() as connection:
        connection.execute(
            messages.update()
            .where(messages.c.id == number)
            .values(state="accepted", provider_id=taken.sid, sent_at=func.now())
        )
