"""Disclosure: what a borrower is told of a loan before agreeing to it, in the regulators' forms.

An `Offer` is everything that is told; each form lays it out as a document (`core.documents`):
`kfs` the Reserve Bank of India's Key Facts Statement, `secci` the Standard European Consumer Credit
Information, `regz` the box of Regulation Z. What was told when a loan was approved is kept as it
was (`kept`).
"""
