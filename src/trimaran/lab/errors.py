"""What goes wrong in a lab."""


class LabError(Exception):
    """The lab cannot do what was asked. The text is for its user."""
