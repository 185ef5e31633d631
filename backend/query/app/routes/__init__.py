"""All routes of the query service."""

from fastapi import APIRouter

from query.app.routes import graph, traces

ROUTERS: tuple[APIRouter, ...] = (traces.router, graph.router)
