"""All routes of the query service."""

from fastapi import APIRouter

from query.app.routes import agents, dashboard, exports, graph, prices, sessions, traces, users, views

ROUTERS: tuple[APIRouter, ...] = (
    traces.router,
    dashboard.router,
    exports.router,
    graph.router,
    prices.router,
    sessions.router,
    users.router,
    agents.router,
    views.router,
)
