"""For all tests: how long an example of hypothesis takes says nothing on a busy machine."""

from hypothesis import settings

settings.register_profile("trimaran", deadline=None)
settings.load_profile("trimaran")
