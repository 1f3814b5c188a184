"""Networks and tickets in forms that other programs read; docs/export.md lists them.

Cores without IO: a network or a ticket in, bytes or text out. What is written says nothing new and proves nothing: a
certificate is what is proved, and these files are what it is about.
"""
