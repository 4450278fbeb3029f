"""What staff do to customers' money and standing, and who else must agree: four eyes."""
