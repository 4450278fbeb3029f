"""A past for customers whose books begin today."""

# What is in the books already becomes older, as no program may make it.
_OLDER = """
ALTER TABLE transactions DISABLE TRIGGER USER;
ALTER TABLE postings DISABLE TRIGGER USER;
GRANT UPDATE ON postings TO CURRENT_USER;
UPDATE accounts SET created_at = created_at - interval '{by}' WHERE owner_id = '{owner}';
UPDATE transactions SET created_at = created_at - interval '{by}',
  settled_at = settled_at - interval '{by}'
WHERE debit_account_id = '{account}' OR credit_account_id = '{account}';
UPDATE postings SET booked_at = booked_at - interval '{by}'
WHERE transaction_id IN (SELECT transaction_id FROM postings WHERE account_id = '{account}');
REVOKE UPDATE ON postings FROM CURRENT_USER;
ALTER TABLE postings ENABLE TRIGGER USER;
ALTER TABLE transactions ENABLE TRIGGER USER;
"""


async def grow_older(lender, borrower, by):
    """Everything about the borrower happened earlier."""
    await lender.execute(_OLDER.format(by=by, owner=borrower.user_id, account=borrower.account_id))
