// The light box: one picture at a time over the page, with keys, swipes and zoom. Native <dialog>: it holds the
// focus, closes on Esc and gives the focus back.
"use strict";

(() => {
  const { word, make, icon } = xharchive;
  const MOST = 8;
  const STEP = 1.6;
  const SWIPE = 50; // pixels
  const TWICE = 320; // milliseconds between the taps of a double tap

  let pictures = [];
  let position = 0;
  let view = { scale: 1, x: 0, y: 0 };
  let opener = null;

  const button = (name, key, act) => {
    const made = make("button", { type: "button", className: `round ${name}` }, icon(name));
    made.dataset.wLabel = key;
    made.setAttribute("aria-label", word(key));
    made.addEventListener("click", act);
    return made;
  };

  const image = make("img", { draggable: false, decoding: "async" });
  const stage = make("div", { className: "stage" }, image);
  const counter = make("p", { className: "counter" });
  counter.setAttribute("aria-live", "polite");
  const file = make("a", { className: "round" }, icon("out"));
  file.dataset.wLabel = "open.file";
  const back = button("back", "previous", () => go(position - 1));
  const on = button("on", "next", () => go(position + 1));
  const tools = make(
    "div",
    { className: "lightbox-bar" },
    counter,
    button("minus", "zoom.out", () => zoom(1 / STEP)),
    button("plus", "zoom.in", () => zoom(STEP)),
    file,
    button("close", "close", () => box.close()),
  );
  const box = make("dialog", { className: "lightbox" }, stage, back, on, tools);
  box.dataset.wLabel = "lightbox";

  // ---- which picture -----------------------------------------------------------------------------------------

  const go = (to) => {
    if (to < 0 || to >= pictures.length) return;
    position = to;
    const { href, dataset } = pictures[to];
    const small = pictures[to].querySelector("img");
    image.src = href;
    image.alt = small.alt;
    file.href = dataset.file || href;
    counter.textContent = pictures[to].dataset.position;
    back.disabled = to === 0;
    on.disabled = to === pictures.length - 1;
    look({ scale: 1, x: 0, y: 0 });
    for (const near of [pictures[to + 1], pictures[to - 1]]) if (near) new Image().src = near.href;
  };

  const open = (link) => {
    opener = link;
    box.setAttribute("aria-label", word("lightbox"));
    file.setAttribute("aria-label", word("open.file"));
    box.showModal();
    document.documentElement.classList.add("held");
    go(pictures.indexOf(link));
    box.focus();
  };

  const closed = () => {
    document.documentElement.classList.remove("held");
    image.removeAttribute("src");
    // The reader goes on where the light box ended, not where it began.
    const link = pictures[position] || opener;
    link.focus({ preventScroll: true });
    link.scrollIntoView({ block: "nearest" });
  };

  // ---- zoom --------------------------------------------------------------------------------------------------

  const look = (next) => {
    const scale = Math.min(MOST, Math.max(1, next.scale));
    const reach = { x: (stage.clientWidth * (scale - 1)) / 2, y: (stage.clientHeight * (scale - 1)) / 2 };
    const hold = (value, most) => Math.min(most, Math.max(-most, value));
    view = { scale, x: hold(next.x, reach.x), y: hold(next.y, reach.y) };
    image.style.transform = scale === 1 ? "" : `translate(${view.x}px, ${view.y}px) scale(${scale})`;
    box.classList.toggle("near", scale > 1);
  };

  // Zooms so that the point under the pointer stays there; without one, the middle stays.
  const zoom = (factor, point = null) => {
    const scale = Math.min(MOST, Math.max(1, view.scale * factor));
    const real = scale / view.scale;
    const x = point ? point.clientX - innerWidth / 2 : 0;
    const y = point ? point.clientY - innerHeight / 2 : 0;
    look({ scale, x: x - (x - view.x) * real, y: y - (y - view.y) * real });
  };

  const toggle = (point) => zoom(view.scale > 1 ? 1 / view.scale : 2.5, point);

  // ---- hands -------------------------------------------------------------------------------------------------

  const fingers = new Map();
  let start = null;
  let tapped = 0;
  let apart = 0;

  const distance = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };

  // Whether a point lies on the picture as it is drawn, not in the empty space beside it.
  const touches = ({ clientX, clientY }) => {
    const room = image.getBoundingClientRect();
    const drawn = Math.min(room.width / image.naturalWidth, room.height / image.naturalHeight);
    const [x, y] = [clientX - (room.left + room.right) / 2, clientY - (room.top + room.bottom) / 2];
    return Math.abs(x) <= (image.naturalWidth * drawn) / 2 && Math.abs(y) <= (image.naturalHeight * drawn) / 2;
  };

  const down = (event) => {
    if (event.button > 0) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    if (fingers.size === 1) start = { clientX: event.clientX, clientY: event.clientY, x: view.x, y: view.y };
    if (fingers.size === 2) {
      apart = distance();
      start = null;
    }
  };

  const move = (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) {
      const now = distance();
      const [a, b] = [...fingers.values()];
      zoom(now / apart, { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
      apart = now;
    } else if (start && view.scale > 1) {
      look({ scale: view.scale, x: start.x + event.clientX - start.clientX, y: start.y + event.clientY - start.clientY });
    }
  };

  const up = (event) => {
    if (!fingers.delete(event.pointerId) || !start) return;
    const x = event.clientX - start.clientX;
    const y = event.clientY - start.clientY;
    const still = Math.hypot(x, y) < 8;
    if (still && event.timeStamp - tapped < TWICE) {
      toggle(event);
      tapped = 0;
    } else if (still) {
      tapped = event.timeStamp;
      if (!touches(event)) box.close();
    } else if (view.scale === 1 && Math.abs(x) > SWIPE && Math.abs(x) > Math.abs(y) * 1.5) {
      go(position + (x < 0 ? 1 : -1));
    }
    start = null;
  };

  const KEYS = {
    ArrowLeft: () => go(position - 1),
    ArrowRight: () => go(position + 1),
    Home: () => go(0),
    End: () => go(pictures.length - 1),
    "+": () => zoom(STEP),
    "=": () => zoom(STEP),
    "-": () => zoom(1 / STEP),
    0: () => zoom(1 / view.scale),
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  };

  const onWheel = (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event);
  };

  xharchive.lightbox = (links) => {
    pictures = links;
    document.body.append(box);
    for (const link of links) {
      link.addEventListener("click", (event) => {
        // With a modifier the link is a link: the picture opens in a tab of its own.
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        open(link);
      });
    }
    box.tabIndex = -1;
    box.addEventListener("close", closed);
    box.addEventListener("keydown", onKey);
    stage.addEventListener("wheel", onWheel, { passive: false });
    stage.addEventListener("dragstart", (event) => event.preventDefault());
    stage.addEventListener("pointerdown", down);
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerup", up);
    stage.addEventListener("pointercancel", (event) => {
      fingers.delete(event.pointerId);
      start = null;
    });
  };
})();
