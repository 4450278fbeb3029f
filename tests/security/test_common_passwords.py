"""Passwords that anybody tries first, or that tell of their owner, are refused, and no others."""

import secrets

import pytest

from core.foundation.errors import WeakPassword
from core.identity.passwords import refuse_weak
from tests.bank import PASSWORD, Bank

COMMON = [
    *("password", "Password1", "PASSWORD123", "passw0rd", "P@ssw0rd", "p4ssw0rd", "iloveyou1"),
    *("qwertyuiop", "1q2w3e4r", "letmein1", "Football", "sunsh1ne", "12345678", "00000000"),
    *("aaaaaaaaaa", "testtest", "abcabcabc", "st4rw4rs", "trustno1", "administrator"),
]
FINE = [
    *("correct horse battery", "correct horse battery staple", "Str0ng-Passw0rd!", "Secret123!x"),
    *("S3cure-Passw0rd", "staple every letter", "mine from now on", "пароль-и-ещё-что-то"),
    *("x7#kQ2!mPz", "Tr0ub4dor&3", "an entirely different secret", "a-long-pass-phrase-42"),
]
ASHA = ("asha.rao@sunrise.example", "Asha Rao-Iyer")


@pytest.mark.parametrize("password", COMMON)
def test_what_anybody_tries_first_is_refused_however_it_is_written(password: str) -> None:
    with pytest.raises(WeakPassword, match="first that anybody tries"):
        refuse_weak(password)


@pytest.mark.parametrize("password", FINE)
def test_others_are_welcome_without_a_mixture_of_signs(password: str) -> None:
    refuse_weak(password, ASHA)


@pytest.mark.parametrize(
    "password",
    ["asha.rao", "AshaRao1", "ashaiyer2026", "rao.asha!!", "sunrise99", "4sh4.r40", "girobank1",
     "Giro2026", "asha.rao@sunrise.example", "bank-rao-1"],
)  # fmt: skip
def test_a_password_made_of_its_owner_or_of_the_bank_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword, match="made of your own"):
        refuse_weak(password, ASHA)


def test_a_word_of_ones_own_among_others_is_no_harm() -> None:
    refuse_weak("asha walks to school", ASHA)
    refuse_weak("sunrise99", ("omar@example.org", None))


async def test_every_way_to_a_password_refuses_a_common_one(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    body = {"email": f"meera.{secrets.token_hex(3)}@example.org", "password": "Passw0rd"}
    answers = [
        await bank.client.post("/auth/register", json=body),
        await bank.client.post("/auth/register", json={**body, "password": body["email"]}),
        await admin.post("/admin/users", {**body, "role": "officer"}),
        await customer.post(
            "/auth/password", {"current_password": PASSWORD, "new_password": "sunshine1"}
        ),
    ]
    for refused in answers:
        assert refused.status_code == 422, refused.text
        assert refused.json()["code"] == "weak_password"
