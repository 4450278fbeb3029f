"""The references of payments: "payment1", "payment2", …"""

from core.foundation.database import Database


async def next_payment_ref(database: Database) -> str:
    """A reference that no payment has had; refused payments leave gaps."""
    async with database.raw_connection() as connection:
        number = await connection.fetchval("SELECT nextval('payment_ref_seq')")
    return f"payment{number}"
