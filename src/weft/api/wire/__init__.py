"""The shapes of what is asked and told over HTTP; the only place that uses pydantic.

Knows names, types and bounds of the wire.
Refuses to know what they mean.
"""
