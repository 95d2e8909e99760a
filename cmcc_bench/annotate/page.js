// The page of cmcc annotate. All texts of calls enter the page as text, never as HTML. A decision is shown when the
// server has saved it; keys that come earlier wait for it.
"use strict";

const WORDS = {
  en: {
    app: { annotate: "Annotation", review: "Review", adjudicate: "Adjudication" },
    speaker: ["service", "user"], whole: "The call as a whole",
    fields: { emotions: "Emotions of the user", acts: "Acts of the service", caring: "Caring acts of the service", satisfaction: "Satisfaction of the user" },
    utterance: "utterance", call: "Call", of: (n) => `of ${n}`, calls: "Calls", tools: "Tools",
    previous: "Previous call", next: "Next call", open: "Unlabeled", undo: "Undo", find: "Search", language: "中文",
    languageName: "Chinese", keys: "Keys", confirm: "Confirm", goOn: "Next", accept: "Accept",
    note: "Note", hasNote: "Note ✓", guide: "Guideline", transcript: "Transcript",
    none: "no caring act", noneAll: "no act", open1: "not labeled", suggested: "suggested",
    sources: { data: "in the data", model: "model", lexicon: "cue", add: "missing?", remove: "wrong?" },
    progress: (p) => `${p.decided} of ${p.questions} labels, ${p.calls_done} of ${p.calls} calls`,
    left: (text) => `about ${text} left`, hours: "h", minutes: "min",
    saved: "Saved", reopened: "Not labeled again", undone: "Undone", nothing: "Nothing to undo", allDone: "All calls are labeled.",
    choose: "Press a number.", searchLabel: "Search the texts of all calls, or a dialogue id", nothingFound: "Nothing found",
    noteLabel: "Note on this question", save: "Save", cancel: "Close", not: "Not", cues: "Cues", examples: "Examples",
    gone: "Not saved: the program does not answer. Start it again with the same command, then reload this page.",
    notWritten: "The file could not be written; the journal has everything:",
    help: [["1 2 3 …", "set or remove a label"], ["0", "neutral, or no act"], ["Enter, space", "confirm, or accept the suggestion, and go on"],
      ["↑ ↓", "utterance before, after"], ["← →", "call before, after"], ["g", "go to the next unlabeled one"], ["z", "undo"],
      ["n", "note"], ["/", "search"], ["l", "中文"], ["?", "this list"]],
    candidates: ["a r s d …", "take the labels of the button with this key, and go on"],
    candidateNames: { accept: "Accept", reject: "Keep" },
  },
  zh: {
    app: { annotate: "标注", review: "复核", adjudicate: "裁定" },
    speaker: ["客服", "用户"], whole: "整通电话",
    fields: { emotions: "用户情绪", acts: "客服行为", caring: "客服关怀行为", satisfaction: "用户满意度" },
    utterance: "话语", call: "通话", of: (n) => `/ ${n}`, calls: "通话", tools: "工具",
    previous: "上一通", next: "下一通", open: "未标注", undo: "撤销", find: "搜索", language: "EN",
    languageName: "英文", keys: "按键", confirm: "确认", goOn: "继续", accept: "接受",
    note: "备注", hasNote: "备注 ✓", guide: "规范", transcript: "对话",
    none: "无关怀行为", noneAll: "无行为", open1: "未标注", suggested: "建议",
    sources: { data: "数据", model: "模型", lexicon: "线索", add: "漏标？", remove: "错标？" },
    progress: (p) => `标签 ${p.decided}/${p.questions}，通话 ${p.calls_done}/${p.calls}`,
    left: (text) => `约剩 ${text}`, hours: "小时", minutes: "分钟",
    saved: "已保存", reopened: "恢复为未标注", undone: "已撤销", nothing: "没有可撤销的", allDone: "全部通话已标注。",
    choose: "请按数字键。", searchLabel: "搜索所有通话的文本，或通话编号", nothingFound: "没有找到",
    noteLabel: "此题的备注", save: "保存", cancel: "关闭", not: "不包括", cues: "线索词", examples: "例子",
    gone: "没有保存：程序没有响应。请用同样的命令重新启动，然后刷新页面。",
    notWritten: "文件无法写入；日志中已有全部内容：",
    help: [["1 2 3 …", "选择或取消标签"], ["0", "中性，或无行为"], ["回车、空格", "确认或接受建议，并继续"],
      ["↑ ↓", "上一句、下一句"], ["← →", "上一通、下一通"], ["g", "到下一个未标注处"], ["z", "撤销"],
      ["n", "备注"], ["/", "搜索"], ["l", "English"], ["?", "本列表"]],
    candidates: ["a r s d …", "采用该按钮的标签并继续"],
    candidateNames: { accept: "接受", reject: "保留" },
  },
};
const NEUTRAL = 0;
const LOOK_EVERY = 2000; // milliseconds between two looks for changes of another page

let start, call, at = 0, changes = 0, language = "en", queue = Promise.resolve(), keysDone = 0, hasFailed = false;

const $ = (id) => document.getElementById(id);
const words = () => WORDS[language];

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// ------------------------------------------------------------------------------------------------------ the server

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, options).catch(() => {
    throw new Error(words().gone);
  });
  const answer = await response.json().catch(() => ({ problem: `${response.status} ${response.statusText}` }));
  if (!response.ok) throw new Error(answer.problem);
  return answer;
}

// Actions run one after the other: each finds what the one before it has saved.
function run(action) {
  queue = queue.then(action).catch((error) => {
    hasFailed ||= action !== look;
    showProblem(error.message);
  });
  return queue;
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

async function take(state) {
  const isBehind = state.changed === null;
  changes = state.changes;
  for (const change of state.changed || []) {
    if (change.call !== call.number) continue;
    const index = call.questions.findIndex((one) => one.utterance === change.utterance && one.field === change.field);
    if (index >= 0) {
      Object.assign(call.questions[index], { labels: change.labels, choice: change.choice, note: change.note });
      drawRow(index);
      if (index === at) drawPanel();
    }
  }
  drawProgress(state.progress);
  if (!hasFailed) showProblem(state.problem && `${words().notWritten} ${state.problem}`);
  if (isBehind && call) await openCall(call.number, at);
}

async function look() {
  if (document.visibilityState === "visible") await take(await ask(`changed?changes=${changes}`));
}

// ------------------------------------------------------------------------------------------------------- decisions

async function decide(labels, choice = "", note = question().note, openNext = false) {
  const asked = question(), { utterance, field } = asked;
  const state = await ask("decide", { call: call.number, utterance, field, labels, choice, note, changes, open_next: openNext });
  hasFailed = false; // the message about a decision stays until one is saved
  if (state.next) show(state.next); // first: else the call that is left would be drawn once more
  await take(state);
  say(labels === null ? words().reopened : `${words().saved}: ${namesOf(asked, labels)}`);
  return state;
}

// The last decision about a call and the next call are one request.
async function decideAndGoOn(labels, choice = "") {
  const isLast = call.questions.every((one, index) => index === at || one.labels !== null);
  const state = await decide(labels, choice, question().note, isLast);
  if (!isLast) await goOn(true);
  else if (!state.next) say(words().allDone);
}

async function press(label) {
  const { field, labels, proposal, candidates } = question();
  if (field === "satisfaction") {
    return labels !== null && labels[0] === label ? decide(null) : decideAndGoOn([label]);
  }
  const chosen = new Set(labels ?? (candidates.length ? proposal : []));
  if (!chosen.delete(label)) chosen.add(label);
  if (field === "emotions") {
    if (label === NEUTRAL && chosen.has(NEUTRAL)) chosen.clear(), chosen.add(NEUTRAL);
    else chosen.delete(NEUTRAL);
  }
  showGuide(field, label);
  await decide(chosen.size ? [...chosen] : null);
}

async function pressNone() {
  if (question().field === "emotions") return press(NEUTRAL);
  if (question().field === "acts" && question().can_be_none) await decide(question().labels?.length === 0 ? null : []);
}

async function pressCandidate(candidate) {
  await decideAndGoOn(candidate.labels, candidate.name);
}

async function confirm() {
  const { labels, proposal, candidates } = question();
  if (labels !== null) return goOn();
  if (proposal === null) return say(words().choose);
  const same = candidates.find((one) => String(one.labels) === String(proposal));
  await decideAndGoOn(proposal, same ? same.name : "");
}

// After a new decision the next open question, in this call first; else simply the next one.
async function goOn(isNew = question().labels !== null) {
  const open = (index) => call.questions[index].labels === null;
  const after = [...call.questions.keys()].slice(at + 1);
  const next = isNew ? (after.find(open) ?? [...call.questions.keys()].find(open)) : after[0];
  if (next === undefined) return openNext();
  select(next);
}

async function openNext() {
  const next = await ask(`next?number=${call.number}`);
  if (next === null) return say(words().allDone);
  show(next);
}

async function jump() {
  const places = [...call.questions.keys()];
  const open = [...places.slice(at + 1), ...places.slice(0, at + 1)].find((index) => call.questions[index].labels === null);
  if (open === undefined || open <= at) {
    const next = await ask(`next?number=${call.number}`);
    if (next !== null && next.number !== call.number) return show(next);
  }
  if (open === undefined) return say(words().allDone);
  select(open);
}

async function undo() {
  const state = await ask("undo", { changes });
  await take(state);
  if (!state.undone) return say(words().nothing);
  const { call: number, utterance, field } = state.undone;
  if (number !== call.number) await openCall(number);
  select(call.questions.findIndex((one) => one.utterance === utterance && one.field === field));
  say(`${words().undone}: ${question().labels === null ? words().open1 : namesOf(question(), question().labels)}`);
}

// ------------------------------------------------------------------------------------------------------ moving about

const question = () => call.questions[at];

async function openCall(number, index = null) {
  if (number >= 0 && number < start.progress.calls) show(await ask(`call?number=${number}`), index);
}

function show(opened, index = null) {
  call = opened;
  changes = Math.max(changes, call.changes);
  const open = call.questions.findIndex((one) => one.labels === null);
  at = Math.min(index ?? Math.max(open, 0), call.questions.length - 1);
  drawCall();
  select(at);
  setTimeout(rememberCall); // after the frame: the browser takes some milliseconds for both
}

function rememberCall() {
  history.replaceState(null, "", `#${call.number + 1}`);
  document.title = `${call.number + 1} · cmcc ${start.mode}`;
}

function select(index) {
  at = index;
  drawPanel();
  for (const row of $("turns").children) {
    const isHere = row.dataset.index === String(at);
    row.setAttribute("aria-selected", isHere);
    row.tabIndex = isHere ? 0 : -1;
  }
  // Last: both compute the layout, which the panel and the rows change.
  const here = $("turns").querySelector('[aria-selected="true"]');
  here?.scrollIntoView({ block: "nearest" });
  here?.focus({ preventScroll: true });
}

function move(step) {
  const index = at + step;
  if (index >= 0 && index < call.questions.length) select(index);
}

// ---------------------------------------------------------------------------------------------------------- drawing

function nameOf(field, label) {
  return start.fields[field].find((one) => one.label === label)?.[language] ?? String(label);
}

function isCaring(field) {
  return field === "acts" && start.fields.acts.length <= 4; // only the caring ones are labeled
}

function noneOf(field) {
  return isCaring(field) ? words().none : words().noneAll;
}

function namesOf({ field }, labels) {
  return labels.length ? labels.map((label) => nameOf(field, label)).join(language === "zh" ? "、" : ", ") : noneOf(field);
}

function say(text) {
  $("status").textContent = text;
}

function drawProgress(progress) {
  start.progress = progress;
  $("progress").max = progress.questions || 1;
  $("progress").value = progress.decided;
  const minutes = Math.ceil((progress.seconds_left ?? 0) / 60);
  const time = minutes < 90 ? `${minutes} ${words().minutes}` : `${Math.round(minutes / 60)} ${words().hours}`;
  const left = progress.seconds_left ? ` · ${words().left(time)}` : "";
  $("progress-text").textContent = words().progress(progress) + left;
}

function drawCall() {
  const byUtterance = new Map(call.questions.map((one, index) => [one.utterance, index]));
  const rows = call.utterances.map(({ speaker, text }, number) => {
    const row = make("li", { role: "option", class: speaker ? "user" : "service" });
    row.append(make("span", { class: "who" }, words().speaker[speaker]), make("span", { class: "chips" }));
    row.append(make("bdi", { class: "text", lang: "zh" }, text));
    return [row, byUtterance.get(number)];
  });
  if (byUtterance.has(null)) {
    const row = make("li", { role: "option", class: "whole" });
    row.append(make("span", { class: "who" }, words().fields.satisfaction), make("span", { class: "chips" }));
    rows.push([row, byUtterance.get(null)]);
  }
  for (const [row, index] of rows) {
    if (index === undefined) row.setAttribute("aria-disabled", "true");
    else row.dataset.index = index;
  }
  $("turns").replaceChildren(...rows.map(([row]) => row));
  call.questions.forEach((_, index) => drawRow(index));
  $("number").value = call.number + 1;
  $("number").title = call.id;
}

function drawRow(index) {
  const one = call.questions[index];
  const chips = $("turns").querySelector(`[data-index="${index}"] .chips`);
  const quiet = (labels) => one.field !== "satisfaction" && !labels.some((label) => one.field === "acts" || label !== NEUTRAL);
  const chip = (text, kind, hidden = "") => make("span", { class: `chip ${kind}` }, make("span", { class: "hidden" }, hidden), text);
  if (one.labels !== null) {
    const kind = quiet(one.labels) ? "quiet" : "";
    const names = one.labels.length ? one.labels.map((label) => nameOf(one.field, label)) : [noneOf(one.field)];
    chips.replaceChildren(...names.map((name) => chip(name, kind)));
  } else if (one.proposal !== null && !quiet(one.proposal)) {
    chips.replaceChildren(...one.proposal.map((label) => chip(`${nameOf(one.field, label)} ?`, "suggested", `${words().suggested}: `)));
  } else {
    chips.replaceChildren(make("span", { class: "hidden" }, words().open1));
  }
  if (one.note) chips.append(chip("✎", "quiet", words().note));
}

function drawPanel() {
  const one = question();
  const where = one.utterance === null ? words().whole : `${words().utterance} ${one.utterance + 1}`;
  $("asked").textContent = `${words().fields[isCaring(one.field) ? "caring" : one.field]} · ${where}`;
  $("about").textContent = one.about[language] ?? "";
  $("candidates").replaceChildren(...one.candidates.map((candidate) => candidateButton(one, candidate)));
  $("labels").replaceChildren(...labelButtons(one));
  const isOpen = one.labels === null;
  const isSuggestion = isOpen && one.marks.length + one.candidates.length > 0 && one.proposal !== null;
  $("confirm").replaceChildren(isSuggestion ? words().accept : isOpen ? words().confirm : words().goOn, " ", make("kbd", {}, "⏎"));
  $("note").textContent = one.note ? words().hasNote : words().note;
  $("labels").classList.toggle("many", start.fields[one.field].length > 9);
  const first = one.labels?.[0] ?? one.marks[0]?.label ?? one.proposal?.[0];
  showGuide(one.field, first ?? start.fields[one.field][0].label);
}

function labelButtons(one) {
  const options = start.fields[one.field].map((option) => ({ ...option, isSet: one.labels?.includes(option.label), press: () => press(option.label) }));
  if (one.field === "acts" && one.can_be_none) options.push({ label: null, key: "0", en: noneOf("acts"), zh: noneOf("acts"), isSet: one.labels?.length === 0, press: pressNone });
  return options.map((option) => {
    const isProposed = one.labels === null && (option.label === null ? one.proposal?.length === 0 : one.proposal?.includes(option.label));
    const marks = one.marks.filter((mark) => mark.label === option.label);
    const name = make("span", { class: "name", lang: language }, option[language]);
    const other = language === "en" ? "zh" : "en";
    if (option.label !== null) name.append(" ", make("span", { class: "other", lang: other }, option[other]));
    for (const mark of marks) name.append(" ", make("span", { class: "mark" }, `${words().sources[mark.source] ?? mark.source} ${mark.detail}`));
    const isSuggested = isProposed && marks.length > 0;
    if (isSuggested) name.append(make("span", { class: "hidden" }, words().suggested));
    const button = make("button", { type: "button", "aria-pressed": Boolean(option.isSet), "aria-keyshortcuts": option.key }, make("kbd", {}, option.key), name);
    button.classList.toggle("suggested", isSuggested);
    button.addEventListener("click", () => run(option.press).then(backToRow));
    if (option.label !== null) for (const event of ["mouseenter", "focus"]) button.addEventListener(event, () => showGuide(one.field, option.label));
    return button;
  });
}

function candidateButton(one, candidate) {
  const isTaken = one.labels !== null && one.choice === candidate.name;
  const title = words().candidateNames[candidate.name] ?? candidate.name;
  const name = make("span", { class: "name" }, make("strong", {}, `${title}: `), namesOf(one, candidate.labels));
  const button = make("button", { type: "button", "aria-pressed": isTaken, "aria-keyshortcuts": candidate.key }, ...(candidate.key ? [make("kbd", {}, candidate.key)] : []), name);
  button.classList.toggle("suggested", one.labels === null && String(candidate.labels) === String(one.proposal));
  button.addEventListener("click", () => run(() => pressCandidate(candidate)).then(backToRow));
  return button;
}

function backToRow() {
  $("turns").querySelector('[aria-selected="true"]')?.focus({ preventScroll: true });
}

function showGuide(field, label) {
  const entry = start.guide[field]?.[label];
  if (!entry) return;
  const list = (items) => make("ul", {}, ...items.map((item) => make("li", {}, ...[item].flat())));
  const parts = [make("h2", {}, nameOf(field, label)), make("p", {}, entry.definition[language] || entry.definition.en)];
  parts.push(make("h3", {}, words().not), make("p", {}, entry.not[language] || entry.not.en));
  parts.push(make("h3", {}, words().cues), make("p", { lang: "zh" }, entry.cues.join("、")));
  const examples = entry.examples.map(({ zh, en }) => [make("span", { lang: "zh" }, zh), ...(language === "en" ? [make("br"), make("span", { class: "english" }, en)] : [])]);
  parts.push(make("h3", {}, words().examples), list(examples));
  $("guide").replaceChildren(...parts);
}

function drawWords() {
  const w = words();
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  $("title").textContent = `${w.app[start.mode]}: ${start.title} · ${start.annotator}`;
  for (const id of ["open", "undo", "find", "language"]) $(id).textContent = w[id];
  for (const id of ["previous", "next", "keys"]) $(id).setAttribute("aria-label", w[id]), ($(id).title = w[id]);
  $("language").setAttribute("aria-label", w.languageName);
  for (const [id, text] of [["calls", w.calls], ["tools", w.tools], ["progress", w.app[start.mode]], ["turns", w.transcript], ["guide", w.guide]]) $(id).setAttribute("aria-label", text);
  $("number-label").firstElementChild.textContent = w.call;
  $("count").textContent = w.of(start.progress.calls);
  $("number").max = start.progress.calls;
  $("guide-button").textContent = w.guide;
  $("search-label").textContent = w.searchLabel;
  $("note-label").textContent = w.noteLabel;
  $("note-save").textContent = w.save;
  $("keys-title").textContent = w.keys;
  const help = start.mode === "annotate" ? w.help : [w.candidates, ...w.help];
  $("keys-list").replaceChildren(...help.flatMap(([keys, text]) => [make("dt", {}, make("kbd", {}, keys)), make("dd", {}, text)]));
  for (const button of document.querySelectorAll(".cancel")) button.textContent = w.cancel;
  drawProgress(start.progress);
}

function switchLanguage() {
  language = language === "en" ? "zh" : "en";
  try {
    localStorage.setItem("language", language);
  } catch { /* a browser without storage */ }
  say("");
  drawWords();
  drawCall();
  select(at);
}

// ---------------------------------------------------------------------------------------------------------- dialogs

function openSearch() {
  $("search").value = "";
  $("found").replaceChildren();
  $("search-dialog").showModal();
}

async function search() {
  const text = $("search").value.trim();
  const found = text ? await ask(`search?text=${encodeURIComponent(text)}`) : [];
  if (text !== $("search").value.trim()) return;
  const results = found.map((one) => {
    const button = make("button", { type: "button" }, make("span", { class: "dim" }, `${words().call} ${one.call + 1} · ${one.utterance + 1}  `), make("bdi", { lang: "zh" }, one.text));
    button.addEventListener("click", () => run(() => openFound(one)));
    return make("li", {}, button);
  });
  $("found").replaceChildren(...(results.length || !text ? results : [make("li", { class: "dim" }, words().nothingFound)]));
}

async function openFound({ call: number, utterance }) {
  $("search-dialog").close();
  await openCall(number);
  const index = call.questions.findIndex((one) => one.utterance === utterance);
  if (index >= 0) select(index);
}

function openNote() {
  $("note-text").value = question().note;
  $("note-dialog").showModal();
}

async function saveNote() {
  $("note-dialog").close();
  const { labels, choice } = question();
  await decide(labels, choice, $("note-text").value.trim());
  backToRow();
}

// ------------------------------------------------------------------------------------------------------------- keys

const COMMANDS = {
  Enter: confirm, " ": confirm, ArrowDown: () => move(1), ArrowUp: () => move(-1), ArrowRight: () => openCall(call.number + 1),
  ArrowLeft: () => openCall(call.number - 1), g: jump, z: undo, n: openNote, "/": openSearch, l: switchLanguage, "?": () => $("keys-dialog").showModal(),
};

function keyOf(event) {
  if (event.key === "Process" || event.isComposing) return event.code.replace(/^(Key|Digit|Numpad)/, "").toLowerCase(); // an input method is on
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

function actionOf(key) {
  const { field, candidates } = question();
  const option = start.fields[field].find((one) => one.key === key);
  if (option) return () => press(option.label);
  if (key === "0") return pressNone;
  const candidate = candidates.find((one) => one.key === key);
  return candidate ? () => pressCandidate(candidate) : COMMANDS[key];
}

function onKey(event) {
  if (!call || event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const isButton = event.target.closest("button");
  if (event.target.closest("input, textarea") || (isButton && (event.key === "Enter" || event.key === " "))) return;
  const key = keyOf(event), began = event.timeStamp;
  if (!start.keys.has(key)) return;
  event.preventDefault();
  if (event.repeat && !key.startsWith("Arrow")) return; // a key that is held down confirms one thing only
  // What a key means is known when those before it are done.
  run(() => actionOf(key)?.()).then(() => requestAnimationFrame(() => {
    document.body.dataset.latency = performance.now() - began;
    document.body.dataset.keys = ++keysDone;
  }));
}

function listen() {
  const clicks = { open: jump, undo, find: openSearch, language: switchLanguage, confirm, note: openNote, previous: COMMANDS.ArrowLeft, next: COMMANDS.ArrowRight };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", () => run(action).then(() => document.querySelector("dialog[open]") || backToRow()));
  $("keys").addEventListener("click", COMMANDS["?"]);
  $("number").addEventListener("change", () => run(() => openCall(Number($("number").value) - 1)));
  $("turns").addEventListener("click", (event) => {
    const index = event.target.closest("li")?.dataset.index;
    if (index !== undefined) run(() => select(Number(index)));
  });
  $("guide-button").addEventListener("click", () => {
    $("guide-button").setAttribute("aria-expanded", document.body.classList.toggle("guide-open"));
    $("turns").querySelector('[aria-selected="true"]').scrollIntoView({ block: "nearest" });
  });
  $("search").addEventListener("input", () => run(search));
  $("search").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    run(search).then(() => $("found").querySelector("button")?.click());
  });
  $("note-save").addEventListener("click", () => run(saveNote));
  $("note-text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    run(saveNote);
  });
  document.addEventListener("keydown", onKey);
  setInterval(() => run(look), LOOK_EVERY);
  document.addEventListener("visibilitychange", () => run(look));
}

async function begin() {
  try {
    language = localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
  } catch { /* a browser without storage */ }
  const asked = Number(location.hash.slice(1));
  start = await ask(`start?number=${asked >= 1 ? asked - 1 : -1}`);
  const labels = Object.values(start.fields).flat().map((one) => one.key);
  start.keys = new Set([...Object.keys(COMMANDS), ...labels, "0", ..."asdfhjkxcvbr"]);
  changes = start.changes;
  drawWords();
  listen();
  show(start.call);
}

run(begin);
