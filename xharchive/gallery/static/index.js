// The index: cards arrive from the data files, newest first, and are searched, filtered, sorted and shown.
// Runs before the data files, which call xharchive.add.
"use strict";

(() => {
  const { word, short, day, make, icon } = xharchive;
  const { FACETS, SORTS, names, placeKey, take, sift } = xharchive.search;
  const AT_ONCE = 60;
  const MOST_OPTIONS = 300;

  const notes = []; // newest first, as far as they are loaded
  let found = []; // what the search and the filters leave, in the wanted order
  let shown = 0; // how many of `found` stand on the page
  let state = { q: "", sort: "newest" };
  let waiting = []; // data files that are not read yet, the newest first
  let unread = 0;
  let painted = false;
  let at = {}; // elements by their id

  // ---- the facets' lists --------------------------------------------------------------------------------------

  const fillFacets = (counts) => {
    for (const facet of FACETS) {
      // An open list is left alone: it would close under the reader's hand.
      if (document.activeElement === at[facet] && at[facet].options.length > 1) {
        at[facet].value = state[facet] || "";
        at[facet].parentElement.classList.toggle("set", Boolean(state[facet]));
        if (at[facet].value === (state[facet] || "")) continue;
      }
      const seen = [...counts[facet]].map(([value, { n, note }]) => ({ value, n, name: names[facet](value, note) }));
      if (facet === "month") seen.sort((a, b) => (a.value < b.value ? 1 : -1));
      else seen.sort((a, b) => b.n - a.n || (a.value < b.value ? -1 : 1));
      const options = seen.slice(0, MOST_OPTIONS);
      const choice = state[facet];
      if (choice && !options.some(({ value }) => value === choice)) {
        options.unshift(seen.find(({ value }) => value === choice) || { value: choice, n: 0, name: names[facet](choice) });
      }
      const listed = new Set(options.map(({ value }) => value));
      const more = seen.filter(({ value }) => !listed.has(value)).length;
      at[facet].replaceChildren(
        make("option", { value: "", textContent: word("facet.any") }),
        ...options.map(({ value, n, name }) => make("option", { value, textContent: `${name} (${n})` })),
        ...(more ? [make("option", { disabled: true, textContent: word("facet.more", { n: more }) })] : []),
      );
      at[facet].value = choice || "";
      at[facet].parentElement.classList.toggle("set", Boolean(choice));
    }
    const sorts = SORTS.map((sort) => make("option", { value: sort, textContent: word(`sort.${sort}`) }));
    at.sort.replaceChildren(...sorts);
    at.sort.value = state.sort;
  };

  // ---- cards -------------------------------------------------------------------------------------------------

  // Hrefs are relative and percent-encoded; a colon would make one an address of another kind.
  const within = (href) => (/^(?!\/\/)[^:\\]+$/.test(href) ? href : "");

  const badge = (name, text, kind = "") => make("span", { className: `badge ${kind}` }, icon(name), text);

  const badges = (note) => {
    const list = make("span", { className: "badges" });
    if (note.motions) list.append(badge("live", word("badge_live")));
    if (note.video) list.append(badge("play", word("badge_video")));
    if (note.pictures > 1) {
      const many = badge("pictures", String(note.pictures));
      many.title = word("pictures", { n: note.pictures });
      list.append(many);
    }
    if (note.partial) list.append(badge("warning", word("badge_partial"), "partial"));
    return list;
  };

  const picture = (note, eager) => {
    const [href, width, height] = note.thumb || [""];
    const frame = make("span", { className: "thumb" });
    if (within(href || "")) {
      const image = make("img", { alt: "", decoding: "async", loading: eager ? "eager" : "lazy", width, height });
      image.addEventListener("error", () => image.replaceWith(blank(note)), { once: true });
      image.src = href;
      frame.append(image);
    } else {
      frame.append(blank(note));
    }
    return frame;
  };

  const blank = (note) => {
    const letters = [...note.title.replace(/[^\p{L}\p{N}]/gu, "")];
    const sign = letters.length ? letters[0] : icon(note.video ? "play" : "image");
    const tile = make("span", { className: "blank" }, sign);
    tile.setAttribute("aria-hidden", "true");
    return tile;
  };

  const card = (note, eager) => {
    const title = note.title || note.text.split("\n")[0].slice(0, 80) || word("untitled");
    // The likes come first: a narrow card has no room for the others, which are then read aloud only.
    const counts = make("span", { className: "counts" });
    for (const [name, sign] of [["likes", "heart"], ["collects", "star"], ["comments", "comment"]]) {
      if (!Number.isFinite(note[name])) continue;
      const unseen = make("span", { className: "unseen", textContent: `${word(name)} ` });
      counts.append(make("span", { className: name }, icon(sign), unseen, short(note[name])));
    }
    const date = make("time", { className: "day", dateTime: note.published, textContent: day(note.published) });
    return make(
      "li",
      {},
      make(
        "a",
        { className: "card", href: within(`${note.folder}index.html`) || "#" },
        picture(note, eager),
        badges(note),
        make("span", { className: "title", lang: "zh-CN", dir: "auto", textContent: title }),
        make("span", { className: "line" }, make("bdi", { className: "author", textContent: note.author || word("unknownAuthor") })),
        make("span", { className: "line" }, note.published ? date : make("span"), counts),
      ),
    );
  };

  const append = (upTo) => {
    const more = document.createDocumentFragment();
    for (const end = Math.min(upTo, found.length); shown < end; shown += 1) {
      more.append(card(found[shown], shown < 12));
    }
    at.cards.append(more);
    watchEnd();
  };

  // Cards that stand already are kept where the new result begins with them: nothing blinks while files arrive.
  const show = (next, afresh) => {
    const same = !afresh && found.slice(0, shown).every((note, position) => note === next[position]);
    const keep = same && next.length >= shown;
    found = next;
    if (!keep) {
      shown = 0;
      at.cards.replaceChildren();
    }
    append(Math.max(shown, AT_ONCE));
    fillScreen();
    if (shown && !painted) {
      painted = true;
      requestAnimationFrame(() => performance.mark("xharchive-first-cards"));
    }
  };

  const fillScreen = () => {
    while (shown < found.length && at.more.getBoundingClientRect().top < innerHeight * 2) append(shown + AT_ONCE);
  };

  const nearEnd = new IntersectionObserver(
    (seen) => seen.some(({ isIntersecting }) => isIntersecting) && fillScreen(),
    { rootMargin: "100% 0px" },
  );

  // An observer tells of changes only: a reader at the end before and after new cards would get no more of them.
  const watchEnd = () => {
    nearEnd.unobserve(at.more);
    nearEnd.observe(at.more);
  };

  const tell = () => {
    const all = Number(at.content.dataset.notes);
    const narrowed = state.q.trim() || FACETS.some((facet) => state[facet]);
    const reading = waiting.length > 0;
    if (narrowed) at.count.textContent = word("count.of", { n: found.length, all: reading ? all : notes.length });
    else at.count.textContent = word(reading ? "count.reading" : "count", { n: reading ? all : notes.length });
    at.clear.hidden = !narrowed;
    at["filters-set"].hidden = !FACETS.some((facet) => state[facet]);
    at.empty.hidden = found.length > 0 || reading;
    at.trouble.hidden = unread === 0;
    at.trouble.textContent = unread ? word("trouble", { n: unread }) : "";
  };

  const refresh = (afresh = false) => {
    const { left, counts } = sift(notes, state);
    show(left, afresh);
    fillFacets(counts);
    tell();
  };

  // ---- the address bar ---------------------------------------------------------------------------------------

  const written = () => {
    const parts = new URLSearchParams();
    for (const name of ["q", ...FACETS]) if (state[name]) parts.set(name, state[name]);
    if (state.sort !== "newest") parts.set("sort", state.sort);
    return parts.toString();
  };

  const read = () => {
    const parts = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%20"));
    const next = { q: parts.get("q") || "", sort: SORTS.includes(parts.get("sort")) ? parts.get("sort") : "newest" };
    for (const facet of FACETS) if (parts.get(facet)) next[facet] = parts.get(facet);
    if (next.place) next.place = placeKey(next.place); // a link may have the other name
    return next;
  };

  let timer = 0;
  let typing = false; // while a reader types, one step back leads to before the first letter

  const write = (letters) => {
    const hash = `#${written().replaceAll("+", "%20")}`;
    if (hash === (location.hash || "#")) return;
    if (letters && typing) location.replace(hash);
    else location.hash = hash;
    typing = letters;
  };

  const follow = () => {
    // "#content" is the skip link's: it says nothing of a search.
    if (location.hash.length > 1 && !location.hash.includes("=")) return;
    clearTimeout(timer);
    const was = written();
    state = read();
    if (written() === was) return;
    at.q.value = state.q;
    typing = false;
    refresh();
  };

  const change = (part, letters = false) => {
    state = { ...state, ...part };
    refresh();
    scrollTo({ top: 0 });
    clearTimeout(timer);
    if (letters) timer = setTimeout(write, 250, true);
    else write(false);
  };

  const clear = () => {
    at.q.value = "";
    change({ q: "", ...Object.fromEntries(FACETS.map((facet) => [facet, ""])) });
    at.q.focus();
  };

  // What gets the focus, or is jumped to, is not scrolled under the bar and the filters.
  const keepClearOfTop = () => {
    const sticky = getComputedStyle(at.top).position === "sticky";
    document.documentElement.style.scrollPaddingTop = sticky ? `${at.top.offsetHeight}px` : "";
  };

  // ---- keys --------------------------------------------------------------------------------------------------

  const cardsPerRow = () => getComputedStyle(at.cards).gridTemplateColumns.split(" ").length;

  const step = (from, key) => {
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -cardsPerRow(), ArrowDown: cardsPerRow() }[key];
    const position = [...at.cards.children].indexOf(from.parentElement);
    const to = key === "Home" ? 0 : key === "End" ? shown - 1 : position + way;
    if (to < 0) return at.q.focus();
    if (to >= shown) append(shown + AT_ONCE);
    const target = at.cards.children[Math.min(to, shown - 1)]?.firstElementChild;
    target?.focus();
    target?.scrollIntoView({ block: "nearest" });
    return undefined;
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target.closest?.("input, select, textarea");
    const onCard = event.target.closest?.(".card");
    if (event.key === "/" && !inField) at.q.select();
    else if (event.key === "Escape" && !event.isComposing && (inField === at.q || onCard) && written()) clear();
    else if (event.key === "ArrowDown" && inField === at.q) at.cards.querySelector(".card")?.focus();
    else if (onCard && /^(Arrow|Home|End)/.test(event.key)) step(onCard, event.key);
    else return;
    event.preventDefault();
    if (event.key === "/") at.q.focus();
  };

  // ---- where the reader was ----------------------------------------------------------------------------------

  let place = null;
  const comeBack = () => {
    if (!place || (found.length < place.shown && waiting.length)) return;
    append(place.shown);
    xharchive.place.goTo(at.cards, place.card);
    place = null;
  };

  // ---- data files --------------------------------------------------------------------------------------------

  let refreshed = -Infinity; // the first cards wait for nothing

  xharchive.add = (rows) => {
    // A file holds its notes from the oldest on, and files come newest first.
    for (const row of rows.reverse()) notes.push(take(row));
    const busy = performance.now() - refreshed < 300 && waiting.length > 0;
    if (busy) return tell();
    refresh();
    refreshed = performance.now();
    return comeBack();
  };

  const readOn = () => {
    const next = waiting[0];
    if (next === undefined) {
      refresh();
      comeBack();
      at.content.dataset.ready = "";
      return;
    }
    const script = make("script", { src: next });
    const done = () => {
      waiting.shift();
      script.remove();
      setTimeout(readOn); // between two files the page answers its reader
    };
    script.addEventListener("load", done);
    script.addEventListener("error", done);
    document.head.append(script);
  };

  // ---- beginning ---------------------------------------------------------------------------------------------

  const begin = () => {
    const ids = ["top", "content", "cards", "q", "count", "clear", "empty", "more", "trouble", "filters", "filters-set", "sort"];
    at = Object.fromEntries([...ids, ...FACETS].map((id) => [id, document.getElementById(id)]));
    waiting = at.content.dataset.shards.split(" ").filter(Boolean);
    state = read();
    at.q.value = state.q;
    place = xharchive.place.kept();
    history.scrollRestoration = "manual";
    if (matchMedia("(max-width: 46rem)").matches) at.filters.open = false;

    // Letters that an input method still puts together are no search yet.
    at.q.addEventListener("input", (event) => event.isComposing || change({ q: at.q.value }, true));
    at.q.addEventListener("compositionend", () => change({ q: at.q.value }, true));
    at.q.addEventListener("blur", () => {
      clearTimeout(timer);
      write(true);
      typing = false;
    });
    for (const name of [...FACETS, "sort"]) {
      at[name].addEventListener("change", () => change({ [name]: at[name].value }));
      at[name].addEventListener("blur", () => setTimeout(() => fillFacets(sift(notes, state).counts)));
    }
    at.clear.addEventListener("click", clear);
    new ResizeObserver(keepClearOfTop).observe(at.top);
    addEventListener("resize", keepClearOfTop);
    document.addEventListener("keydown", onKey);
    addEventListener("hashchange", follow);
    addEventListener("pagehide", () => xharchive.place.keep(at.cards, shown));
    document.addEventListener("xharchive:language", () => refresh(true));
    // A data file that is gone or cut gives no cards; the reader is told, the others are shown.
    const lost = ({ target, filename = "" }) => {
      if (target.tagName !== "SCRIPT" && !/data-[0-9a-f]+\.js$/.test(filename)) return;
      unread += 1;
      tell();
    };
    addEventListener("error", lost, true);
    document.addEventListener("DOMContentLoaded", () => setTimeout(readOn));
  };

  begin(); // deferred: the page is there, the first data file comes next
})();
