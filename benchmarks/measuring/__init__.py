"""Programs run as processes of their own: what each took of the processor, the clock and memory."""
