// A note's page: light box, live photos, films that a browser may not know, subtitles, neighbours by key.
// The page is whole without this script; everything here adds to it.
"use strict";

(() => {
  const { word, make, icon, lightbox } = xharchive;
  const PAUSE = 140; // milliseconds the pointer rests on a picture before it moves
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // ---- films that cannot be shown ----------------------------------------------------------------------------

  // An element that says a word in the page's language, also after the reader has changed it.
  const spoken = (tag, key, properties = {}) => {
    const made = make(tag, { textContent: word(key), ...properties });
    made.dataset.w = key;
    return made;
  };

  // The notice in place of a film that this browser cannot play.
  const cannotPlay = (href) => {
    const command = make("code", { textContent: "xharchive preview" });
    const sentences = make(
      "p", {}, spoken("span", "cannot"), " ", spoken("a", "cannot.open", { href }), " · ", command, " ", spoken("span", "cannot.hint"),
    );
    const notice = make("div", { className: "cannot" }, sentences);
    notice.setAttribute("role", "status");
    return notice;
  };

  // Calls `failed` once if the film has no picture. Chromium plays the sound of an HEVC film and reports no
  // error: the film just has no width.
  const watch = (film, failed) => {
    let told = false;
    const once = () => {
      if (!told) failed();
      told = true;
    };
    film.addEventListener("loadedmetadata", () => film.videoWidth === 0 && once());
    film.addEventListener("error", once);
    if (film.error || (film.readyState > 0 && film.videoWidth === 0)) once();
  };

  const film = (figure) => {
    const video = figure.querySelector("video");
    const file = video.getAttribute("src");
    const giveUp = () => {
      const still = make("img", { className: "still", alt: video.getAttribute("aria-label") });
      for (const name of ["width", "height"]) if (video.hasAttribute(name)) still.setAttribute(name, video.getAttribute(name));
      still.src = video.getAttribute("poster") || "";
      video.pause();
      if (video.poster) video.replaceWith(still);
      else video.remove();
      figure.querySelector("figcaption").before(cannotPlay(file));
    };
    const tryPreview = () => {
      const { preview } = figure.dataset;
      if (!preview || video.getAttribute("src") === preview) return giveUp();
      const second = make("video", { controls: true, playsInline: true, preload: "metadata" });
      for (const name of ["width", "height", "poster", "aria-label"]) {
        if (video.hasAttribute(name)) second.setAttribute(name, video.getAttribute(name));
      }
      watch(second, () => {
        second.replaceWith(video);
        giveUp();
      });
      second.src = preview;
      video.replaceWith(second);
      return subtitles(figure, second);
    };
    watch(video, tryPreview);
    subtitles(figure, video);
  };

  // ---- subtitles ---------------------------------------------------------------------------------------------

  // A page opened as a file may not load subtitles, but it may make them from the lines it shows.
  const subtitles = (figure, video) => {
    const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    const transcripts = [...figure.querySelectorAll(".transcript")];
    const spoken = document.documentElement.lang.slice(0, 2);
    const first = transcripts.find((one) => one.querySelector("ol").lang.startsWith(spoken)) || transcripts[0];
    transcripts.forEach((transcript) => {
      const track = video.addTextTrack("subtitles", transcript.dataset.label, transcript.querySelector("ol").lang);
      for (const line of transcript.querySelectorAll("li")) {
        const [begins, ends] = [Number(line.dataset.begins), Number(line.dataset.ends)];
        track.addCue(new VTTCue(begins, Math.max(begins, ends), escaped(line.querySelector(".line").textContent)));
      }
      track.mode = transcript === first ? "showing" : "disabled";
    });
  };

  // ---- live photos -------------------------------------------------------------------------------------------

  const live = (figure) => {
    const frame = figure.querySelector(".frame");
    const { motion, preview } = figure.dataset;
    const button = make("button", { type: "button", className: "live" }, icon("live"), make("span"));
    button.querySelector("span").dataset.w = "live";
    button.querySelector("span").textContent = word("live");
    frame.after(button);
    let playing = null;
    let timer = 0;
    let impossible = false;

    const name = () => {
      const key = playing ? "live.stop" : "live.play";
      button.dataset.wLabel = key;
      button.setAttribute("aria-label", `${word("live")} – ${word(key)}`);
      button.setAttribute("aria-pressed", String(Boolean(playing)));
      figure.classList.toggle("playing", Boolean(playing));
    };
    const stop = () => {
      clearTimeout(timer);
      playing?.pause();
      playing?.remove();
      playing = null;
      name();
    };
    const play = (href, muted) => {
      stop();
      const video = make("video", { className: "motion", playsInline: true, preload: "auto", muted });
      video.setAttribute("aria-hidden", "true");
      watch(video, () => {
        if (playing !== video) return;
        if (preview && href !== preview) {
          play(preview, muted);
          return;
        }
        stop();
        impossible = true;
        button.remove();
        frame.after(cannotPlay(motion));
      });
      video.addEventListener("ended", () => playing === video && stop());
      playing = video;
      name();
      frame.append(video);
      video.src = href;
      // Refused without a reader's hand, or stopped while it began: the still is there, nothing to say.
      video.play().catch(() => {});
    };
    button.addEventListener("click", () => (playing && !playing.muted ? stop() : play(motion, false)));
    frame.addEventListener("pointerenter", ({ pointerType }) => {
      if (pointerType !== "mouse" || calm.matches || impossible || playing) return;
      timer = setTimeout(play, PAUSE, motion, true);
    });
    frame.addEventListener("pointerleave", () => {
      clearTimeout(timer);
      if (playing?.muted) stop();
    });
    frame.addEventListener("click", stop);
    document.addEventListener("xharchive:language", name);
    name();
  };

  // ---- the rest ----------------------------------------------------------------------------------------------

  // «All notes» leads back to the list as it was left, with its search, where the reader came from there.
  const home = () => {
    const link = document.getElementById("home");
    try {
      const place = JSON.parse(sessionStorage.getItem("xharchive.place"));
      if (!place || new URL(link.href).pathname !== place.path) return;
      link.hash = place.hash;
      link.addEventListener("click", () => {
        sessionStorage.setItem("xharchive.place", JSON.stringify({ ...place, back: true }));
      });
    } catch {
      // The link leads to the whole list.
    }
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, video, audio, dialog, summary")) return;
    const way = { ArrowLeft: "newer", ArrowRight: "older" }[event.key];
    if (way) document.getElementById(way)?.click();
  };

  // A picture that the browser cannot draw leaves its place to a sentence, not to a broken sign.
  const undrawn = (image) => {
    const tell = () => image.closest("figure").classList.add("undrawn");
    image.addEventListener("error", tell);
    if (image.complete && image.naturalWidth === 0 && image.loading !== "lazy") tell();
  };

  for (const figure of document.querySelectorAll(".film")) film(figure);
  for (const figure of document.querySelectorAll(".picture[data-motion]")) live(figure);
  for (const image of document.querySelectorAll(".picture img")) undrawn(image);
  lightbox([...document.querySelectorAll(".frame")]);
  document.addEventListener("keydown", onKey);
  home();
})();
