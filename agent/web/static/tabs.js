// A row of links that is wider than the screen begins where this page is.
for (const here of document.querySelectorAll(":is(.nav, .tabs) [aria-current]")) {
  here.parentElement.scrollLeft = here.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2;
}
