// The inbox page. What arrives from outside is only ever put in place as text (textContent), never as HTML.
"use strict";

const shown = 200; // messages of each kind
const perPhone = 4; // cards that fit a screen
const names = { apns: "Apple push (token)", fcm: "Firebase (token)", smtp: "Mail (address)", vonage: "SMS (number)" };
const byId = (id) => document.getElementById(id);

// make builds an element; children are elements or texts.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== ""));
  return element;
}

function clock(text) {
  return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function plural(n, one, many) {
  return n.toLocaleString() + " " + (n === 1 ? one : many);
}

function card(push, newest) {
  const title = [push.title, push.subtitle].filter(Boolean).join(" – ") || push.loc_key || "";
  return make("article", { class: push.seq > newest ? "note fresh" : "note" },
    make("div", { class: "meta" }, make("span", {}, push.app || "App"), make("time", { datetime: push.time }, clock(push.time))),
    title ? make("b", {}, title) : "", push.body ? make("p", {}, push.body) : "");
}

function drawPhone(phone, room, newest) {
  const cards = (phone.cards || []).slice(0, Math.min(perPhone, room));
  const title = phone.name || { ios: "iPhone", android: "Android phone", web: "Browser" }[phone.platform];
  const badge = phone.badge ? make("span", { class: "badge", title: "badge" }, phone.badge > 999 ? "999+" : String(phone.badge)) : "";
  const summary = plural(phone.received, "push", "pushes") + (phone.wakes ? ", " + plural(phone.wakes, "silent", "silent") : "");
  const screen = make("div", { class: "screen" },
    make("div", { class: "clock", "aria-hidden": "true" }, clock(phone.last_at)),
    make("div", { class: "who" }, make("b", { title: title }, title), badge),
    ...cards.map((push) => card(push, newest)),
    make("div", { class: "foot" }, make("span", {}, summary), make("span", { class: "token", title: phone.token }, phone.token)));
  return { cards: cards.length, element: make("div", { class: "phone " + phone.platform }, screen) };
}

function drawMail(box, mail) {
  const details = make("details", {},
    make("summary", {}, make("b", {}, mail.subject || "(no subject)"), make("time", { datetime: mail.time }, clock(mail.time)),
      make("span", { class: "from" }, mail.from + (mail.shared > 1 ? " · to " + mail.shared + " recipients" : ""))),
    make("pre", {}, mail.text));
  details.open = open.has(box.address + " " + mail.seq);
  details.addEventListener("toggle", () => {
    const key = box.address + " " + mail.seq;
    if (details.open) open.add(key); else open.delete(key);
  });
  return details;
}

function drawBox(box) {
  return make("article", { class: "box" },
    make("h3", {}, box.address, make("span", {}, plural(box.received, "mail", "mails"))), ...box.mails.map((mail) => drawMail(box, mail)));
}

function drawText(text, newest) {
  const parts = text.parts > 1 ? " · in " + text.parts + " parts" : "";
  return make("div", { class: text.seq > newest ? "bubble fresh" : "bubble" },
    make("p", {}, text.text), make("div", { class: "meta" }, make("span", {}, text.from + parts), make("time", { datetime: text.time }, clock(text.time))));
}

function drawNumber(number) {
  return make("article", { class: "box thread" },
    make("h3", {}, number.number, make("span", {}, plural(number.received, "text", "texts"))), ...number.texts.map((text) => drawText(text, newest.text)));
}

// The switches of a phone with a mail app: the setting, its name, what it is by default.
const switches = [
  ["push", "Push notifications"], ["background_refresh", "Background refresh", "ios"], ["low_power", "Low power mode", "ios"], ["network", "Network"],
  ["gateway_ticket", "Gateway ticket valid"], ["data_protection", "Data protection"], ["locked", "Locked"], ["opened", "App in memory"], ["slow", "Slow network"],
];
const slowSync = 45000, quickSync = 1200; // milliseconds

async function command(path, body) {
  const answer = await fetch("_sim/phones/" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) state("lost", (await answer.json()).detail || "status " + answer.status);
}

function act(label, kind, path, body) {
  const button = make("button", { type: "button", class: kind, "data-key": path }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try { await command(path, body); } finally { button.disabled = false; }
  });
  return button;
}

function toggle(phone, [setting, label]) {
  const settings = phone.mail.settings;
  const box = make("input", { type: "checkbox", "data-key": phone.mail.id + " " + setting });
  box.checked = setting === "slow" ? settings.sync_ms >= slowSync : settings[setting];
  box.addEventListener("change", () => command(phone.mail.id + "/settings", setting === "slow" ? { sync_ms: box.checked ? slowSync : quickSync } : { [setting]: box.checked }));
  return make("label", {}, box, label);
}

function icon(badge) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  for (const [name, value] of Object.entries({ d: "M3 6h18v12H3zM3 6l9 7 9-7", fill: "none", stroke: "#b93c0a", "stroke-width": "1.8", "stroke-linejoin": "round" })) path.setAttribute(name, value);
  drawing.append(path);
  return make("div", { class: "icon" }, drawing, badge ? make("span", { class: "badge", title: "badge" }, badge > 999 ? "999+" : String(badge)) : "");
}

// seconds shows when it was to the second: what happens here happens within one.
function seconds(text) {
  return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

function drawMailer(phone) {
  const mail = phone.mail, id = mail.id, last = newestCard[id] === undefined ? Infinity : newestCard[id];
  newestCard[id] = Math.max(0, ...phone.cards.map((push) => push.seq));
  const screen = make("div", { class: "screen" },
    make("div", { class: "clock", "aria-hidden": "true" }, clock(phone.last_at)),
    make("div", { class: "who" }, make("b", { title: phone.name }, phone.name)),
    ...phone.cards.slice(0, perPhone).map((push) => card(push, last)),
    make("div", { class: "foot" }), icon(phone.badge));
  const who = phone.name.split(/['’ ]/)[0];
  return make("article", { class: "mailer", id: "mailer-" + id },
    make("div", { class: "phone " + phone.platform }, screen),
    make("div", { class: "panel" },
      make("h3", {}, phone.name, make("small", {}, mail.mailbox), make("small", {}, mail.support_code ? "support code " + mail.support_code : "not registered")),
      make("div", { class: "actions" }, act("New mail for " + who, "main", id + "/mail", { count: 1 }),
        act("Open the app", "", id + "/open", {}), act("Read all", "", id + "/read", { count: 0 })),
      make("fieldset", { class: "switches" }, make("legend", {}, "Wake style: " + mail.wake),
        ...switches.filter(([, , only]) => !only || only === phone.platform).map((each) => toggle(phone, each)))),
    make("ol", { class: "log", "aria-label": "What happened on " + phone.name }, ...mail.log.slice(0, 4).map((entry) => make("li", {}, make("time", { datetime: entry.time }, seconds(entry.time)), entry.what))));
}

// drawMailers keeps the focus on the button or switch that has it, though everything is drawn anew.
function drawMailers(phones) {
  const held = document.activeElement && document.activeElement.getAttribute("data-key");
  byId("mailers").replaceChildren(...phones.map(drawMailer));
  const again = held && [...byId("mailers").querySelectorAll("[data-key]")].find((element) => element.getAttribute("data-key") === held);
  if (again) again.focus({ preventScroll: true });
  byId("mailers-count").textContent = phones.length.toLocaleString();
  byId("mailers-part").hidden = byId("mailers-jump").hidden = !phones.length;
}

const newestCard = {}; // of each phone with a mail app: what is newer drops in
const open = new Set(); // mails that the visitor opened
const seen = { phones: "", mails: "", texts: "" }; // the last answers, so that equal ones are not drawn again
let newest = { ios: Infinity, android: Infinity, web: Infinity, text: Infinity }; // what is newer than this drops in; nothing does on the first drawing

function drawPhones(page) {
  let room = shown;
  const next = { ios: 0, android: 0, web: 0, text: newest.text };
  drawMailers(page.items.filter((phone) => phone.mail));
  const others = page.items.filter((phone) => !phone.mail);
  const elements = others.map((phone) => {
    const drawn = drawPhone(phone, room, newest[phone.platform]);
    room -= drawn.cards;
    for (const push of phone.cards) next[phone.platform] = Math.max(next[phone.platform], push.seq);
    return drawn.element;
  });
  newest = next;
  byId("phones").replaceChildren(...elements);
  byId("phones-count").textContent = (page.count - page.items.length + others.length).toLocaleString();
  byId("phones-sub").textContent = page.pushes ? plural(page.pushes, "push request", "push requests") + " so far, the newest first" : "";
  empty("phones", others.length, "No phone has heard anything yet");
}

function drawMails(page) {
  byId("mails").replaceChildren(...page.items.map(drawBox));
  byId("mails-count").textContent = page.count.toLocaleString();
  byId("mails-sub").textContent = page.mails ? plural(page.mails, "message", "messages") + " so far, the newest first" : "";
  empty("mails", page.items.length, "No mail yet");
}

function drawTexts(page) {
  byId("texts").replaceChildren(...page.items.map(drawNumber));
  newest.text = Math.max(0, ...page.items.flatMap((number) => number.texts.map((text) => text.seq)));
  byId("texts-count").textContent = page.count.toLocaleString();
  byId("texts-sub").textContent = page.texts ? plural(page.texts, "request", "requests") + " so far, the newest first" : "";
  empty("texts", page.items.length, "No text message yet");
}

function empty(name, items, text) {
  const note = byId(name + "-empty");
  note.hidden = items > 0;
  note.querySelector("strong").textContent = byId("query").value ? "Nothing matches the search" : text;
}

async function refresh() {
  const query = "?limit=" + shown + "&q=" + encodeURIComponent(byId("query").value);
  const addresses = ["_sim/phones" + query + "&cards=" + perPhone, "_sim/mailboxes" + query, "_sim/numbers" + query];
  const [phones, mails, texts] = await Promise.all(addresses.map(async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error("status " + answer.status);
    return answer.text();
  }));
  if (phones !== seen.phones) drawPhones(JSON.parse(phones));
  if (mails !== seen.mails) drawMails(JSON.parse(mails));
  if (texts !== seen.texts) drawTexts(JSON.parse(texts));
  Object.assign(seen, { phones, mails, texts });
}

// One refresh at a time; what is asked for meanwhile happens once, after it.
let busy = false, again = false;
async function update() {
  if (busy) { again = true; return; }
  busy = true;
  do {
    again = false;
    try { await refresh(); } catch { state("lost", "cannot read"); }
  } while (again);
  busy = false;
}

function state(kind, text) {
  byId("state").className = "state " + kind;
  byId("state").textContent = text;
}

function follow() {
  const events = new EventSource("events");
  events.addEventListener("open", () => state("live", "live"));
  events.addEventListener("changed", update);
  events.addEventListener("error", () => state("lost", "connection lost, trying again"));
}

async function showMagic() {
  const answer = await (await fetch("magic")).json();
  byId("magic-list").replaceChildren(...Object.entries(answer).flatMap(([sim, values]) => [
    make("h3", {}, names[sim] || sim),
    make("div", { class: "scroll" }, make("table", {},
      make("thead", {}, make("tr", {}, make("th", {}, "Example"), make("th", {}, "Recognised by"), make("th", {}, "What happens"))),
      make("tbody", {}, ...values.map((m) => make("tr", {}, make("td", {}, make("code", {}, m.example)), make("td", {}, m.where + ": ", make("code", {}, m.value)), make("td", {}, m.does)))))),
  ]));
  byId("magic").showModal();
}

let typing;
byId("query").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { seen.phones = seen.mails = seen.texts = ""; update(); }, 150); });
byId("magic-open").addEventListener("click", showMagic);
byId("magic-close").addEventListener("click", () => byId("magic").close());
follow();
