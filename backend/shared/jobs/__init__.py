"""Background jobs: a row in the metadata database is the truth, a Celery message only wakes a worker."""
