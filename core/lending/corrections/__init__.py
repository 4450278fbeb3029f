"""What was booked wrongly on a loan is put right: its life is lived again."""
