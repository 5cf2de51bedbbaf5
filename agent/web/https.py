"""The page by HTTPS: which certificate it shows, and that it never runs out."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from agent.checks import is_loopback
from agent.config import WebConfig
from agent.web.guard import own_names
from agent.web.people.certificate import CertificateRefused, Papers, papers_of, wanted

log = logging.getLogger(__name__)

RENEW_EVERY_S = 86_400.0


def certificate(web: WebConfig, data: Path) -> tuple[Papers | None, str]:
    """The certificate, None for plain HTTP, and what is wrong with the configured one. Raises CertificateRefused."""
    if not wanted(web, is_loopback(web.host)):
        return None, ""
    names, now = own_names(web.host, web.names), datetime.now(UTC)
    try:
        return papers_of(web, data, names, now), ""
    except CertificateRefused as refused:
        if web.certificate is None:
            raise
        trouble = f"web.certificate cannot be used: {refused}; a self-made one is shown until it can"
        log.error("%s", trouble)
        without = web.model_copy(update={"certificate": None, "key": None})
        return papers_of(without, data, names, now), trouble


async def keep_renewed(server: uvicorn.Server, shown: Papers | None, web: WebConfig, data: Path) -> None:
    """Look daily whether the certificate has to be made anew; a connection that is there keeps the old one."""
    while shown is not None:
        await asyncio.sleep(RENEW_EVERY_S)
        try:
            papers, _ = await asyncio.to_thread(certificate, web, data)
        except CertificateRefused as refused:
            log.error("the certificate cannot be renewed: %s", refused)
            continue
        if papers is not None and papers != shown and server.config.ssl is not None:
            server.config.ssl.load_cert_chain(papers.certificate, papers.key)
            log.info("the certificate's SHA-256 is now %s", papers.fingerprint)
            shown = papers
