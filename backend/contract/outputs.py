"""Every file that is generated from the document."""

import json
from collections.abc import Mapping
from pathlib import Path

from contract.document import Document
from contract.postman import build_collection
from contract.reference import render_reference

DOCUMENT = "backend/gateway/app/data/openapi.json"
COLLECTION = "docs/api/postman_collection.json"
REFERENCE = "docs/api/reference"


def render_outputs(document: Document) -> dict[str, str]:
    """Return the text of each generated file by its path below the project."""
    return {
        DOCUMENT: _json(document),
        COLLECTION: _json(build_collection(document)),
        **{f"{REFERENCE}/{name}": text for name, text in render_reference(document).items()},
    }


def find_leftovers(project: Path, outputs: Mapping[str, str]) -> list[str]:
    """Return the pages that were generated once and no longer are."""
    pages = (str(path.relative_to(project)) for path in (project / REFERENCE).glob("*.md"))
    return sorted(page for page in pages if page not in outputs)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
