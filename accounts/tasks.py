"""The bell of regular work on accounts."""

from accounts.rereading import reread_all
from config.celery import app


@app.task(name="accounts.reread_directories")
def reread_directories():
    """Every minute: read directories again where it is due, sweep."""
    reread_all()
