# Roamkeep for production-like use: one image for web, worker, beat and migrations. It holds no secret.
FROM python:3.11-slim-bookworm AS build
# python-ldap has no wheel: it is built against these headers.
RUN apt-get update \
 && apt-get install --no-install-recommends -y gcc libc6-dev libldap2-dev libsasl2-dev \
 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install --no-install-recommends -y libldap-2.5-0 libsasl2-2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /srv/roamkeep --shell /usr/sbin/nologin roamkeep
COPY --from=build /opt/venv /opt/venv
COPY . /srv/roamkeep
WORKDIR /srv/roamkeep
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=config.settings
# The settings insist on their variables; these exist for this one command and open nothing.
RUN SECRET_KEY=collecting-static-files PUBLIC_URL=http://127.0.0.1 BROKER_URL=memory:// \
    DATABASE_URL=postgres://nobody@localhost/none python manage.py collectstatic --noinput --verbosity 0
USER roamkeep
EXPOSE 8000
CMD ["granian", "config.wsgi:application", "--interface", "wsgi", "--no-ws", "--http", "1", "--host", "0.0.0.0", \
     "--port", "8000", "--blocking-threads", "4", "--respawn-failed-workers", "--log-level", "warning"]
