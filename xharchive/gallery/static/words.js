// What both pages share: the words in two languages, numbers and times, and the two switches.
// Loaded in the head, before anything is painted, so that no page flashes in the wrong colours.
"use strict";

const xharchive = {};

(() => {
  const WORDS = {
    en: {
      all: "All notes",
      archive: "Archive",
      archived: "Archived",
      badge_live: "LIVE",
      badge_partial: "partial",
      badge_video: "video",
      cannot: "This browser cannot show this film (probably HEVC).",
      "cannot.hint": "makes small versions that every browser plays",
      "cannot.open": "Open the file",
      clear: "Clear all",
      close: "Close",
      collects: "Collected",
      comments: "Comments",
      count: "{n} notes",
      "count.of": "{n} of {all} notes",
      "count.of.one": "{n} of 1 note",
      "count.one": "1 note",
      "count.reading": "{n} notes · reading the index…",
      "count.reading.one": "1 note · reading the index…",
      empty: "Nothing here matches",
      "empty.advice": "Try fewer words, or clear the filters.",
      "facet.any": "All",
      "facet.more": "{n} more: find them by the search",
      "facet.more.one": "1 more: find it by the search",
      "facet.author": "Author",
      "facet.month": "Month",
      "facet.partial": "State",
      "facet.place": "Place",
      "facet.sort": "Order",
      "facet.tag": "Tag",
      "facet.type": "Type",
      "fact.endpoint": "Endpoint",
      "fact.fetched": "Fetched",
      "fact.kind": "Kind",
      "fact.note": "Remark",
      "fact.pixels": "Pixels",
      "fact.quality": "Quality",
      "fact.role": "Role",
      "fact.size": "Size",
      "fact.source": "Source",
      facts: "Files and where they came from",
      filters: "Filters",
      holes: "What is missing",
      "reason.not-found": "no host has it any more",
      "reason.forbidden": "the addresses are refused or past their time",
      "reason.busy": "the hosts were busy",
      "reason.server-error": "the hosts had an error",
      "reason.http-status": "the hosts answered something unexpected",
      "reason.cut": "the transfer broke off",
      "reason.stalled": "nothing more came",
      "reason.unreachable": "the hosts cannot be reached",
      "reason.resting": "the hosts failed too often",
      "reason.not-media": "a page came instead of the file",
      "reason.not-whole": "the file is not whole",
      "reason.unproven": "nothing proves that the file is whole",
      "reason.zero-bytes": "the file is empty",
      "reason.wrong-kind": "another kind of file came",
      "reason.unknown-format": "the format is unknown",
      "reason.too-large": "the file is too large",
      "reason.size-differs": "the size is not the declared one",
      "reason.md5-differs": "the digest is not the declared one",
      "reason.undecodable": "no decoder reads the picture",
      "reason.no-picture": "the film has no pictures",
      "reason.no-sound": "the file has no sound",
      "reason.not-as-declared": "the file is not what the reply declares",
      "reason.same-bytes": "several pictures have the same bytes",
      "reason.not-converted": "the picture was not converted",
      "reason.no-source": "the replies give no address for it",
      "reason.too-many": "the note declares more than are read of one note",
      "reason.not-given": "no endpoint that was asked gave it",
      "reason.motion-unknown": "the reply does not say which pictures move",
      "reason.not-fetched": "it was not fetched yet",
      language: "中文",
      lightbox: "Picture viewer",
      likes: "Likes",
      live: "LIVE",
      "live.play": "Play the live photo",
      "live.stop": "Stop the live photo",
      made: "Last note archived",
      media: "Pictures and films",
      "motion.file": "Live photo film",
      neighbours: "Neighbouring notes",
      newer: "Newer",
      next: "Next picture",
      "no.media": "This note has no pictures or films here.",
      unknownAuthor: "Unknown author",
      notes: "Notes",
      offline: "Works offline; no page here asks any network for anything.",
      older: "Older",
      "open.file": "Open this picture's file",
      original: "Original post",
      "partial.long": "Parts of this note are missing",
      "partial.no": "Complete",
      "partial.yes": "Partial",
      "picture.file": "Original file",
      "picture.missing": "Missing: picture",
      pictures: "{n} pictures",
      "pictures.one": "1 picture",
      previous: "Previous picture",
      profile: "Author's profile",
      published: "Published",
      search: "Search title, text, tags, author, place",
      shares: "Shares",
      skip: "Skip to the content",
      "sort.liked": "Most liked",
      "sort.newest": "Newest first",
      "sort.oldest": "Oldest first",
      "sort.title": "By title",
      "sound.music": "Background music",
      "sound.sound": "The note's sound",
      subtitles: "Subtitles",
      switches: "Author's switches",
      tags: "Tags",
      "theme.dark": "Dark",
      "theme.light": "Light",
      "theme.system": "Auto",
      trouble: "{n} parts of the index could not be read: some notes are not listed. Run: xharchive gallery --rebuild",
      "trouble.one": "A part of the index could not be read: some notes are not listed. Run: xharchive gallery --rebuild",
      "type.image": "Pictures",
      "type.live": "Live photos",
      "type.unknown": "Other",
      "type.video": "Videos",
      untitled: "Untitled",
      updated: "Edited",
      "video.file": "Video file",
      "video.missing": "Video missing",
      "zoom.in": "Zoom in",
      "zoom.out": "Zoom out",
    },
    zh: {
      all: "全部笔记",
      archive: "归档",
      archived: "归档",
      badge_live: "实况",
      badge_partial: "不完整",
      badge_video: "视频",
      cannot: "此浏览器无法播放这段视频（可能是 HEVC 编码）。",
      "cannot.hint": "可生成各浏览器都能播放的小版本",
      "cannot.open": "打开文件",
      clear: "全部清除",
      close: "关闭",
      collects: "收藏",
      comments: "评论",
      count: "{n} 篇笔记",
      "count.of": "{n} 篇，共 {all} 篇",
      "count.of.one": "{n} 篇，共 1 篇",
      "count.one": "1 篇笔记",
      "count.reading": "{n} 篇笔记 · 正在读取索引…",
      "count.reading.one": "1 篇笔记 · 正在读取索引…",
      empty: "没有符合条件的笔记",
      "empty.advice": "试试更少的词，或清除筛选。",
      "facet.any": "全部",
      "facet.more": "还有 {n} 个，可用搜索查找",
      "facet.more.one": "还有 1 个，可用搜索查找",
      "facet.author": "作者",
      "facet.month": "月份",
      "facet.partial": "状态",
      "facet.place": "地点",
      "facet.sort": "排序",
      "facet.tag": "话题",
      "facet.type": "类型",
      "fact.endpoint": "接口",
      "fact.fetched": "下载时间",
      "fact.kind": "种类",
      "fact.note": "备注",
      "fact.pixels": "像素",
      "fact.quality": "质量",
      "fact.role": "用途",
      "fact.size": "大小",
      "fact.source": "来源",
      facts: "文件与来源",
      filters: "筛选",
      holes: "缺少的内容",
      "reason.not-found": "所有服务器上都已找不到",
      "reason.forbidden": "地址被拒绝或已过期",
      "reason.busy": "服务器繁忙",
      "reason.server-error": "服务器出错",
      "reason.http-status": "服务器返回异常",
      "reason.cut": "传输中断",
      "reason.stalled": "传输停滞",
      "reason.unreachable": "无法连接服务器",
      "reason.resting": "服务器多次失败",
      "reason.not-media": "返回的不是媒体文件",
      "reason.not-whole": "文件不完整",
      "reason.unproven": "无法证明文件完整",
      "reason.zero-bytes": "文件为空",
      "reason.wrong-kind": "文件类型不符",
      "reason.unknown-format": "格式未知",
      "reason.too-large": "文件过大",
      "reason.size-differs": "大小与声明不符",
      "reason.md5-differs": "校验值与声明不符",
      "reason.undecodable": "图片无法解码",
      "reason.no-picture": "视频没有画面",
      "reason.no-sound": "文件没有声音",
      "reason.not-as-declared": "文件与接口所述不符",
      "reason.same-bytes": "多张图片内容完全相同",
      "reason.not-converted": "图片未能转换",
      "reason.no-source": "接口没有给出地址",
      "reason.too-many": "笔记声明的数量超出读取上限",
      "reason.not-given": "所询问的接口均未提供",
      "reason.motion-unknown": "未知哪些图片是实况照片",
      "reason.not-fetched": "尚未下载",
      language: "English",
      lightbox: "图片浏览",
      likes: "点赞",
      live: "实况",
      "live.play": "播放实况照片",
      "live.stop": "停止播放",
      made: "最近归档",
      media: "图片与视频",
      "motion.file": "实况视频文件",
      neighbours: "相邻笔记",
      newer: "较新",
      next: "下一张",
      "no.media": "这篇笔记没有图片或视频。",
      unknownAuthor: "未知作者",
      notes: "笔记",
      offline: "离线可用，页面不会访问任何网络。",
      older: "较早",
      "open.file": "打开图片文件",
      original: "原帖",
      "partial.long": "这篇笔记有缺失内容",
      "partial.no": "完整",
      "partial.yes": "不完整",
      "picture.file": "原始文件",
      "picture.missing": "缺少图片",
      pictures: "{n} 张图片",
      "pictures.one": "1 张图片",
      previous: "上一张",
      profile: "作者主页",
      published: "发布",
      search: "搜索标题、正文、话题、作者、地点",
      shares: "分享",
      skip: "跳到内容",
      "sort.liked": "最多点赞",
      "sort.newest": "从新到旧",
      "sort.oldest": "从旧到新",
      "sort.title": "按标题",
      "sound.music": "背景音乐",
      "sound.sound": "笔记声音",
      subtitles: "字幕",
      switches: "作者设置",
      tags: "话题",
      "theme.dark": "深色",
      "theme.light": "浅色",
      "theme.system": "自动",
      trouble: "索引有 {n} 部分无法读取，部分笔记未列出。请运行：xharchive gallery --rebuild",
      "trouble.one": "索引有一部分无法读取，部分笔记未列出。请运行：xharchive gallery --rebuild",
      "type.image": "图文",
      "type.live": "实况照片",
      "type.unknown": "其他",
      "type.video": "视频",
      untitled: "无标题",
      updated: "编辑",
      "video.file": "视频文件",
      "video.missing": "缺少视频",
      "zoom.in": "放大",
      "zoom.out": "缩小",
    },
  };
  const SCHEMES = ["system", "light", "dark"];
  const page = document.documentElement;

  // A browser may refuse storage to pages opened as files: then a choice lasts as long as the page.
  const recall = (name) => {
    try {
      return localStorage.getItem(`xharchive.${name}`);
    } catch {
      return null;
    }
  };
  const remember = (name, value) => {
    try {
      localStorage.setItem(`xharchive.${name}`, value);
    } catch {
      // The choice is not kept, nothing else is lost.
    }
  };

  const wanted = recall("language") || navigator.language || "";
  let language = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
  let scheme = SCHEMES.includes(recall("scheme")) ? recall("scheme") : "system";

  const word = (key, values = {}) => {
    const words = WORDS[language];
    const one = (values.all ?? values.n) === 1;
    const found = (one && words[`${key}.one`]) || words[key] || key;
    return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? number(values[name]) : whole));
  };

  const locale = () => (language === "zh" ? "zh-CN" : "en");
  const number = (value) => new Intl.NumberFormat(locale()).format(value);
  const short = (value) =>
    new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }).format(value);

  // Making a formatter costs more than a hundred uses of it.
  let formats = {};
  const format = (name, options) =>
    (formats[name] ||= new Intl.DateTimeFormat(locale(), { timeZone: "Asia/Shanghai", ...options }));
  const when = (iso, name, options) => {
    const moment = new Date(iso);
    return Number.isNaN(moment.getTime()) ? iso : format(name, options).format(moment);
  };
  const day = (iso) => when(iso, "day", { dateStyle: language === "zh" ? "short" : "medium" });
  const minute = (iso) => when(iso, "minute", { dateStyle: "long", timeStyle: "short" });
  const month = (yearAndMonth) => when(`${yearAndMonth}-15T12:00:00+08:00`, "month", { year: "numeric", month: "long" });

  const say = () => {
    page.lang = language === "zh" ? "zh-CN" : "en";
    for (const at of document.querySelectorAll("[data-w]")) at.textContent = word(at.dataset.w);
    for (const at of document.querySelectorAll("[data-w-label]")) at.setAttribute("aria-label", word(at.dataset.wLabel));
    for (const at of document.querySelectorAll("[data-w-placeholder]")) at.placeholder = word(at.dataset.wPlaceholder);
    for (const at of document.querySelectorAll("time[datetime]")) {
      // A card has room for the day only; its script may have run before this one.
      if (at.dateTime) at.textContent = (at.classList.contains("day") ? day : minute)(at.dateTime);
    }
    for (const at of document.querySelectorAll("[data-n]")) at.textContent = number(Number(at.dataset.n));
    const button = document.getElementById("language");
    button.textContent = word("language");
    button.lang = language === "zh" ? "en" : "zh-CN";
  };

  const paint = () => {
    if (scheme === "system") delete page.dataset.scheme;
    else page.dataset.scheme = scheme;
  };

  const nameScheme = () => {
    const label = document.querySelector("#theme span");
    label.dataset.w = `theme.${scheme}`;
    label.textContent = word(label.dataset.w);
  };

  page.classList.add("scripted");
  paint();
  document.addEventListener("DOMContentLoaded", () => {
    nameScheme();
    say();
    document.getElementById("language").addEventListener("click", () => {
      language = language === "zh" ? "en" : "zh";
      formats = {};
      remember("language", language);
      say();
      document.dispatchEvent(new CustomEvent("xharchive:language"));
    });
    document.getElementById("theme").addEventListener("click", () => {
      scheme = SCHEMES[(SCHEMES.indexOf(scheme) + 1) % SCHEMES.length];
      remember("scheme", scheme);
      paint();
      nameScheme();
    });
  });

  // Makes an element: properties by name, children as elements or text. Never markup.
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const icon = (name) => {
    const space = "http://www.w3.org/2000/svg";
    const drawn = document.createElementNS(space, "svg");
    for (const [key, value] of [["class", "icon"], ["viewBox", "0 0 24 24"], ["aria-hidden", "true"]]) {
      drawn.setAttribute(key, value);
    }
    const use = document.createElementNS(space, "use");
    use.setAttribute("href", `#i-${name}`);
    drawn.append(use);
    return drawn;
  };

  Object.assign(xharchive, { WORDS, word, number, short, day, month, locale, make, icon });
})();
