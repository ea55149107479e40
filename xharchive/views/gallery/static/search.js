// Which notes a search and its facets leave, and in which order. Knows notes and words, not the page.
// Loaded before index.js.
"use strict";

xharchive.search = (() => {
  const { word, month } = xharchive;
  const FACETS = ["author", "type", "month", "tag", "place", "partial"];
  const SORTS = ["newest", "oldest", "liked", "title"];

  const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
  // As near to Unicode's case folding as JavaScript comes: ß meets ss, and both sigmas meet.
  const fold = (text) =>
    text.normalize("NFKC").replace(INVISIBLE, "").toUpperCase().toLowerCase().replaceAll("ς", "σ");
  const wordsOf = (query) => fold(query).split(/\s+/).filter(Boolean);

  const values = {
    author: (note) => [note.authorId || note.author].filter(Boolean),
    type: (note) => (note.motions ? [note.type, "live"] : [note.type]),
    month: (note) => (note.published ? [note.published.slice(0, 7)] : []),
    tag: (note) => note.tags,
    place: (note) => (note.place ? [note.place] : []),
    partial: (note) => [note.partial ? "yes" : "no"],
  };

  const names = {
    author: (value, note) => note?.author || value,
    type: (value) => word(`type.${value}`),
    month,
    tag: (value) => value,
    place: (value) => value,
    partial: (value) => word(`partial.${value}`),
  };

  const take = (row) => {
    const note = { title: "", text: "", author: "", authorId: "", tags: [], place: "", published: "", ...row };
    note.type = ["image", "video"].includes(note.kind) ? note.kind : "unknown";
    const tags = note.tags.map((tag) => `#${tag}`).join("\n");
    note.searched = fold([note.title, note.text, tags, note.author, note.place].join("\n"));
    return note;
  };

  // One walk gives the result and, for each facet, what its options would give: a note counts for a facet when
  // nothing but that facet's own choice refuses it.
  const sift = (notes, state) => {
    const wanted = wordsOf(state.q);
    const chosen = FACETS.filter((facet) => state[facet]);
    const counts = Object.fromEntries(FACETS.map((facet) => [facet, new Map()]));
    const tally = (facet, note) => {
      for (const value of values[facet](note)) {
        const seen = counts[facet].get(value);
        if (seen) seen.n += 1;
        else counts[facet].set(value, { n: 1, note });
      }
    };
    const left = notes.filter((note) => {
      if (!wanted.every((part) => note.searched.includes(part))) return false;
      const refused = chosen.filter((facet) => !values[facet](note).includes(state[facet]));
      if (refused.length === 0) for (const facet of FACETS) tally(facet, note);
      if (refused.length === 1) tally(refused[0], note);
      return refused.length === 0;
    });
    return { left: inOrder(left, state.sort), counts };
  };

  const inOrder = (list, sort) => {
    if (sort === "oldest") return list.reverse();
    if (sort === "liked") return list.sort((a, b) => (b.likes ?? -1) - (a.likes ?? -1));
    if (sort === "title") {
      const { compare } = new Intl.Collator("zh-CN", { numeric: true });
      return list.sort((a, b) => !a.title - !b.title || compare(a.title, b.title));
    }
    return list;
  };

  return { FACETS, SORTS, names, take, sift };
})();
