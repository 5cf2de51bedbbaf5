"""The page by HTTPS: which certificate it shows, and that it never runs out."""

import asyncio
import logging
from datetime import UTC, datetime

import uvicorn

from agent.checks import is_loopback
from agent.config import Config
from agent.web.desk import Desk
from agent.web.guard import own_names
from agent.web.people.certificate import CertificateRefused, Papers, papers_of, wanted

log = logging.getLogger(__name__)

RENEW_EVERY_S = 86_400.0


def certificate(config: Config) -> tuple[Papers | None, str]:
    """The certificate, None for plain HTTP, and what is wrong with the configured one. Raises CertificateRefused."""
    web = config.web
    if not wanted(web, is_loopback(web.host)):
        return None, ""
    names, now = own_names(web.host, web.names), datetime.now(UTC)
    try:
        return papers_of(config, names, now), ""
    except CertificateRefused as refused:
        if web.certificate is None:
            raise
        trouble = f"web.certificate cannot be used: {refused}; a self-made one is shown until it can"
        log.error("%s", trouble)
        without = config.model_copy(update={"web": web.model_copy(update={"certificate": None, "key": None})})
        return papers_of(without, names, now), trouble


async def keep_renewed(server: uvicorn.Server, desk: Desk) -> None:
    """Look daily whether the certificate has to be made anew; a connection that is there keeps the old one."""
    shown = desk.papers
    while shown is not None:
        await asyncio.sleep(RENEW_EVERY_S)
        try:
            papers, _ = await asyncio.to_thread(certificate, desk.config)
        except CertificateRefused as refused:
            log.error("the certificate cannot be renewed: %s", refused)
            continue
        if papers is not None and papers != shown and server.config.ssl is not None:
            server.config.ssl.load_cert_chain(papers.certificate, papers.key)
            log.info("the certificate's SHA-256 is now %s", papers.fingerprint)
            shown = papers
