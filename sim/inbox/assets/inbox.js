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
  const title = [push.title, push.subtitle].filter(Boolean).join(" – ");
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

const open = new Set(); // mails that the visitor opened
const seen = { phones: "", mails: "", texts: "" }; // the last answers, so that equal ones are not drawn again
let newest = { ios: Infinity, android: Infinity, web: Infinity, text: Infinity }; // what is newer than this drops in; nothing does on the first drawing

function drawPhones(page) {
  let room = shown;
  const next = { ios: 0, android: 0, web: 0, text: newest.text };
  const elements = page.items.map((phone) => {
    const drawn = drawPhone(phone, room, newest[phone.platform]);
    room -= drawn.cards;
    for (const push of phone.cards) next[phone.platform] = Math.max(next[phone.platform], push.seq);
    return drawn.element;
  });
  newest = next;
  byId("phones").replaceChildren(...elements);
  byId("phones-count").textContent = page.count.toLocaleString();
  byId("phones-sub").textContent = page.pushes ? plural(page.pushes, "push request", "push requests") + " so far, the newest first" : "";
  empty("phones", page.items.length, "No phone has heard anything yet");
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
