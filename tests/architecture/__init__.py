"""The walls between the features, read from the source: whose tables each module touches."""
