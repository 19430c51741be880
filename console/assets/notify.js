// The form of a new notification: macros are searched and inserted at the cursor.
(function () {
  "use strict";
  var picker = document.querySelector("[data-macros]");
  if (!picker) return;
  var search = picker.querySelector("[data-macro-search]");
  var none = picker.querySelector("[data-macro-none]");
  var items = Array.prototype.slice.call(picker.querySelectorAll("[data-macro]"));
  var groups = picker.querySelectorAll("[data-macro-group]");
  var field = null;

  document.addEventListener("focusin", function (event) {
    if (event.target.matches("[data-takes-macros]")) field = event.target;
  });

  // The field that was written in last; else the first that is shown.
  function target() {
    if (field && field.offsetParent) return field;
    return Array.prototype.find.call(document.querySelectorAll("textarea[data-takes-macros]"), function (f) { return f.offsetParent; });
  }

  function insert(text) {
    var into = target();
    if (!into) return;
    into.focus();
    into.setRangeText(text, into.selectionStart, into.selectionEnd, "end");
    into.dispatchEvent(new Event("input", { bubbles: true }));
  }

  items.forEach(function (item) {
    var code = item.querySelector("code");
    var button = document.createElement("button");
    button.type = "button";
    button.className = "macro";
    code.replaceWith(button);
    button.appendChild(code);
    button.addEventListener("click", function () { insert(item.dataset.macro); });
  });
  picker.querySelectorAll("[data-scripted]").forEach(function (e) { e.hidden = false; });

  search.addEventListener("input", function (event) {
    event.stopPropagation(); // it is no part of the message
    var word = search.value.trim().toLowerCase();
    items.forEach(function (item) { item.hidden = item.textContent.toLowerCase().indexOf(word) < 0; });
    groups.forEach(function (group) { group.hidden = !group.querySelector("[data-macro]:not([hidden])"); });
    none.hidden = items.some(function (item) { return !item.hidden; });
  });
  search.addEventListener("keydown", function (event) {
    if (event.key !== "Enter") return;
    event.preventDefault(); // it would send the form
    var first = items.find(function (item) { return !item.hidden; });
    if (first) insert(first.dataset.macro);
  });
})();
