"""All routes of the query service."""

from fastapi import APIRouter

from query.app.routes import agents, dashboard, graph, sessions, traces, users, views

ROUTERS: tuple[APIRouter, ...] = (
    traces.router,
    dashboard.router,
    graph.router,
    sessions.router,
    users.router,
    agents.router,
    views.router,
)
