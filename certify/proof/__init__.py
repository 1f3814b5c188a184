"""What has to be proved and what was: claims, obligations, strategies and verdicts.

Independent of how a ticket was found: two networks go in, and nothing that the finder says about them.
"""
