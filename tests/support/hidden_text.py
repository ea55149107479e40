"""Finds text and icons on a page that a reader cannot see although the page shows them."""

from playwright.async_api import Page

__all__ = ["hidden_texts"]

# Left out on purpose: text for screen readers only (`.unseen`, and the skip link until it has the focus),
# text that a box shortens with an ellipsis, and the counts of a card after the first, for which a narrow card
# has no room.
_FIND = """() => {
  const ON_PURPOSE = ".unseen, .skip, .card .counts > :not(:first-child), noscript";
  const SLACK = 1; // pixels that rounding may add
  const name = (element) => `${element.tagName.toLowerCase()}.${[...element.classList].join(".")}`;
  const shortened = (style) => style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";

  // The ancestors whose box cuts this element's content off.
  const clippingBoxes = (element) => {
    const boxes = [];
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (shortened(style)) return boxes;
      if (style.overflowX !== "visible" || style.overflowY !== "visible") boxes.push(at);
    }
    return boxes;
  };

  const fault = (node) => {
    const element = node.parentElement;
    const range = document.createRange();
    range.selectNode(node);
    if (range.getClientRects().length === 0) return "";
    // Only the window: scrollIntoView would also scroll a box that the reader cannot scroll.
    scrollBy({ top: range.getBoundingClientRect().top - innerHeight / 2, behavior: "instant" });
    const cut = clippingBoxes(element).find((box) => {
      const outer = box.getBoundingClientRect();
      return [...range.getClientRects()].some((inner) => inner.top < outer.top - SLACK
        || inner.bottom > outer.bottom + SLACK || inner.left < outer.left - SLACK
        || inner.right > outer.right + SLACK);
    });
    if (cut) return `cut off by ${name(cut)}`;
    const [first] = range.getClientRects();
    const width = document.documentElement.clientWidth;
    if (first.left < -SLACK || first.right > width + SLACK) return "outside the window";
    element.style.pointerEvents = "auto"; // what lets clicks through is not found at a point
    const top = document.elementFromPoint((first.left + first.right) / 2, (first.top + first.bottom) / 2);
    element.style.pointerEvents = "";
    const related = top && (top.contains(element) || element.contains(top));
    if (!related) return `covered by ${top ? name(top) : "nothing: outside the page"}`;
    return "";
  };

  // Cards that were not in the window yet have an estimated size until the browser draws its next frame.
  for (const card of document.querySelectorAll(".cards li")) card.style.contentVisibility = "visible";
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (node.nodeType === Node.ELEMENT_NODE && !node.matches("svg.icon")) continue;
    const label = node.data?.trim() ?? `icon ${node.firstElementChild.getAttribute("href")}`;
    if (!label || element.closest(ON_PURPOSE)) continue;
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const said = fault(node);
    if (said) found.push(`${label.slice(0, 60)}: ${said}`);
  }
  return found;
}"""


async def hidden_texts(page: Page) -> list[str]:
    """List every text and icon that is cut off by a box, outside the window or covered, with the reason.

    Returns:
        Lines of the form `text: reason`; none if a reader can see all that the page shows.
    """
    found: list[str] = await page.evaluate(_FIND)
    return found
