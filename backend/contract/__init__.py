"""The published contract: one OpenAPI document of the gateway's addresses, and what is generated from it."""
