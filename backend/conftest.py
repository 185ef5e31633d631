"""Fixtures of every test suite below this folder."""

pytest_plugins = ["shared.testing.databases", "tests.harness.fixtures"]
