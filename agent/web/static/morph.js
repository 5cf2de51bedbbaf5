// Changes a part of the page into what the server drew anew, touching only what differs: focus,
// hover and loaded pictures stay. Children with a data-key keep their element when they move.

/** Make the children of `target` equal to the server's `html`. */
export function morph(target, html) {
  const wanted = document.createElement("template");
  wanted.innerHTML = html;
  children(target, wanted.content);
}

function children(target, wanted) {
  const keyed = new Map();
  for (const child of target.children) {
    if (child.dataset?.key) keyed.set(child.dataset.key, child);
  }
  const keys = new Set([...wanted.children].map((child) => child.dataset?.key).filter(Boolean));
  let here = target.firstChild;
  for (const node of [...wanted.childNodes]) {
    // What is not wanted any more goes before others would have to move past it: who moves loses the focus.
    if (node.dataset?.key && keyed.has(node.dataset.key)) here = cleared(here, keys);
    const known = node.dataset?.key ? keyed.get(node.dataset.key) : here && alike(here, node) ? here : null;
    if (!known) {
      target.insertBefore(node, here);
      continue;
    }
    if (known === here) here = here.nextSibling;
    else target.insertBefore(known, here);
    one(known, node);
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

function cleared(here, keys) {
  while (here && !keys.has(here.dataset?.key)) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
  return here;
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.dataset?.key ?? "") === (b.dataset?.key ?? "");
}

function one(known, wanted) {
  if (known.nodeType !== Node.ELEMENT_NODE) {
    if (known.nodeValue !== wanted.nodeValue) known.nodeValue = wanted.nodeValue;
    return;
  }
  for (const { name } of [...known.attributes]) {
    if (!wanted.hasAttribute(name)) known.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (known.getAttribute(name) !== value) known.setAttribute(name, value);
  }
  children(known, wanted);
}
