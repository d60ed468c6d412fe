"""Captures of made-up traffic: connections -> packets in the order of time -> octets -> a capture file."""
