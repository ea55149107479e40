// Where the reader was in the index. A page opened as a file is built anew on the way back from a note, so it is
// remembered here. Loaded before index.js.
"use strict";

xharchive.place = (() => {
  const KEY = "xharchive.place";
  const FRAMES_HELD = 60;
  const HANDS = ["wheel", "touchstart", "pointerdown", "keydown"];

  const topOf = (item) => item.getBoundingClientRect().top;
  const hrefOf = (item) => item.querySelector(".card").getAttribute("href");

  // The card at the window's upper edge and not the height scrolled: that changes with the window, and with
  // every card above that was not drawn yet.
  const cardOf = (cards) => {
    const nearer = (one, other) => (Math.abs(topOf(other)) < Math.abs(topOf(one)) ? other : one);
    const nearest = [...cards.children].reduce(nearer, cards.firstElementChild);
    return nearest && { href: hrefOf(nearest), top: topOf(nearest) };
  };

  const keep = (cards, shown) => {
    const place = { path: location.pathname, hash: location.hash, shown, card: cardOf(cards) };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(place));
    } catch {
      // Without storage the reader starts at the top.
    }
  };

  const kept = () => {
    const [entry] = performance.getEntriesByType("navigation");
    try {
      const place = JSON.parse(sessionStorage.getItem(KEY));
      sessionStorage.removeItem(KEY);
      if (!place?.back && entry?.type === "navigate") return null;
      return place && place.path === location.pathname && place.hash === location.hash ? place : null;
    } catch {
      return null;
    }
  };

  // The cards around it get their sizes as they are drawn, over some frames, and more when a font comes late.
  // A reader who does something meanwhile is not held.
  const goTo = (cards, card) => {
    const item = [...cards.children].find((each) => hrefOf(each) === card?.href);
    let left = FRAMES_HELD;
    const release = () => {
      left = 0;
    };
    for (const sign of HANDS) addEventListener(sign, release, { capture: true, passive: true, once: true });
    const hold = () => {
      if (!item?.isConnected || left === 0) return;
      left -= 1;
      scrollBy({ top: topOf(item) - card.top, behavior: "instant" });
      requestAnimationFrame(hold);
    };
    hold();
  };

  return { keep, kept, goTo };
})();
