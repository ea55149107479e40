// Which notes a search and its facets leave, and in which order. Knows notes and words, not the page.
// Loaded before index.js.
"use strict";

xharchive.search = (() => {
  const { word, month, locale } = xharchive;
  const FACETS = ["author", "type", "month", "tag", "place", "partial"];
  const SORTS = ["newest", "oldest", "liked", "title"];

  // ---- places: the app writes one in the language of its user ------------------------------------------------

  // Chinese name, English name, then other spellings of either.
  const PLACES = `
    北京 Beijing|天津 Tianjin|上海 Shanghai|重庆 Chongqing|河北 Hebei|山西 Shanxi|辽宁 Liaoning|吉林 Jilin
    黑龙江 Heilongjiang|江苏 Jiangsu|浙江 Zhejiang|安徽 Anhui|福建 Fujian|江西 Jiangxi|山东 Shandong|河南 Henan
    湖北 Hubei|湖南 Hunan|广东 Guangdong|海南 Hainan|四川 Sichuan|贵州 Guizhou|云南 Yunnan|陕西 Shaanxi
    甘肃 Gansu|青海 Qinghai|内蒙古 Inner_Mongolia Nei_Mongol|广西 Guangxi|西藏 Tibet Xizang|宁夏 Ningxia
    新疆 Xinjiang|中国香港 Hong_Kong 香港 Hong_Kong,_China Hong_Kong_SAR|中国澳门 Macao 澳门 Macau Macao,_China
    中国台湾 Taiwan 台湾 Taiwan,_China|中国 China
    美国 United_States USA United_States_of_America|加拿大 Canada|墨西哥 Mexico|巴西 Brazil|阿根廷 Argentina
    智利 Chile|秘鲁 Peru|古巴 Cuba|英国 United_Kingdom UK Great_Britain|爱尔兰 Ireland|法国 France|德国 Germany
    荷兰 Netherlands The_Netherlands|比利时 Belgium|卢森堡 Luxembourg|瑞士 Switzerland|奥地利 Austria|意大利 Italy
    西班牙 Spain|葡萄牙 Portugal|希腊 Greece|丹麦 Denmark|瑞典 Sweden|挪威 Norway|芬兰 Finland|冰岛 Iceland
    波兰 Poland|捷克 Czechia Czech_Republic|匈牙利 Hungary|罗马尼亚 Romania|塞尔维亚 Serbia|克罗地亚 Croatia
    乌克兰 Ukraine|俄罗斯 Russia Russian_Federation|土耳其 Türkiye Turkey|日本 Japan
    韩国 South_Korea Korea Republic_of_Korea|朝鲜 North_Korea|蒙古 Mongolia|越南 Vietnam Viet_Nam|老挝 Laos
    柬埔寨 Cambodia|泰国 Thailand|缅甸 Myanmar|马来西亚 Malaysia|新加坡 Singapore
    印度尼西亚 Indonesia 印尼|菲律宾 Philippines The_Philippines|文莱 Brunei|印度 India|尼泊尔 Nepal
    斯里兰卡 Sri_Lanka|马尔代夫 Maldives|孟加拉国 Bangladesh 孟加拉|巴基斯坦 Pakistan|哈萨克斯坦 Kazakhstan
    乌兹别克斯坦 Uzbekistan|格鲁吉亚 Georgia|伊朗 Iran|以色列 Israel|沙特阿拉伯 Saudi_Arabia 沙特|卡塔尔 Qatar
    阿拉伯联合酋长国 United_Arab_Emirates 阿联酋 UAE|埃及 Egypt|摩洛哥 Morocco|肯尼亚 Kenya|坦桑尼亚 Tanzania
    南非 South_Africa|尼日利亚 Nigeria|埃塞俄比亚 Ethiopia|澳大利亚 Australia 澳洲|新西兰 New_Zealand|斐济 Fiji`;

  // What a name may end with and still mean the same: 浙江省, Zhejiang Province.
  const SUFFIX = /(?:维吾尔自治区|壮族自治区|回族自治区|自治区|特别行政区|省|市| province| municipality)$/;
  const foldPlace = (name) => name.normalize("NFKC").trim().toLowerCase().replace(SUFFIX, "");

  const englishNames = new Map();
  const placeKeys = new Map();
  for (const place of PLACES.split(/[|\n]/).filter((each) => each.trim())) {
    const [chinese, latin, ...others] = place.trim().split(" ").map((name) => name.replaceAll("_", " "));
    englishNames.set(chinese, latin);
    for (const name of [chinese, latin, ...others]) placeKeys.set(foldPlace(name), chinese);
  }

  // One key for all names of a place: its Chinese name. A place that is not in the table keeps its name.
  const placeKey = (name) => placeKeys.get(foldPlace(name)) ?? name;
  const placeName = (key) => (locale() === "zh-CN" ? key : englishNames.get(key) ?? key);

  // ---- words and facets --------------------------------------------------------------------------------------

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
    place: (note) => (note.placeKey ? [note.placeKey] : []),
    partial: (note) => [note.partial ? "yes" : "no"],
  };

  const names = {
    author: (value, note) => note?.author || value,
    type: (value) => word(`type.${value}`),
    month,
    tag: (value) => value,
    place: placeName,
    partial: (value) => word(`partial.${value}`),
  };

  const take = (row) => {
    const note = { title: "", text: "", author: "", authorId: "", tags: [], place: "", published: "", ...row };
    note.type = ["image", "video"].includes(note.kind) ? note.kind : "unknown";
    const tags = note.tags.map((tag) => `#${tag}`).join("\n");
    note.placeKey = placeKey(note.place);
    const places = [note.place, note.placeKey, englishNames.get(note.placeKey) ?? ""];
    note.searched = fold([note.title, note.text, tags, note.author, ...places].join("\n"));
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

  return { FACETS, SORTS, names, placeKey, take, sift };
})();
