"""Runs the platform on one machine: embedded PostgreSQL and Valkey, ports, secrets, supervision and status."""
