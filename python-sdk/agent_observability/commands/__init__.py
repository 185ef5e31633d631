"""The command line: ``agent-observability doctor`` and ``agent-observability tail``."""
