// What script adds to pages that work without it.
(function () {
  "use strict";
  var root = document.documentElement;

  // Light and dark at once; the form behind the button does it without script.
  document.addEventListener("submit", function (event) {
    if (!event.target.matches("[data-theme-switch]")) return;
    event.preventDefault();
    var theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.theme = root.dataset.bsTheme = theme;
    document.cookie = "theme=" + theme + "; path=/; max-age=31536000; samesite=lax" + (location.protocol === "https:" ? "; secure" : "");
    document.dispatchEvent(new CustomEvent("heliograph:theme"));
  });

  // A page nobody looks at asks for nothing.
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (document.hidden && event.target.hasAttribute("data-live")) event.preventDefault();
  });

  // A form is sent once, and shows that it is on its way.
  document.addEventListener("submit", function (event) {
    if (event.defaultPrevented || event.target.hasAttribute("hx-post")) return;
    var button = event.submitter;
    if (!button || event.target.dataset.sent) return;
    setTimeout(function () {
      event.target.dataset.sent = "1";
      button.setAttribute("aria-disabled", "true");
      button.classList.add("is-busy");
    }, 0);
  });
  document.addEventListener("submit", function (event) {
    if (event.target.dataset.sent) event.preventDefault();
  }, true);
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("[data-sent]").forEach(function (form) { delete form.dataset.sent; });
    document.querySelectorAll(".is-busy").forEach(function (b) { b.classList.remove("is-busy"); b.removeAttribute("aria-disabled"); });
  });

  // What went wrong gets the focus, so that it is read out and seen.
  function focusProblem(within) {
    var found = within.querySelector("[data-focus]");
    if (found) found.focus();
  }
  document.addEventListener("DOMContentLoaded", function () { focusProblem(document); });
})();
