"""Live events: which sockets there are, and what each still has to be sent."""
