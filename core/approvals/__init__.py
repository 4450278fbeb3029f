"""What staff do to customers' money and standing, and who else must agree: four eyes.

``desk`` is the way in; ``deeds`` says what may need a second person, ``rules`` above what.
"""
