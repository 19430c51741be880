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

  // Copying a text. Where the browser does not let us, the text is marked, ready for the keyboard.
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button) return;
    var source = document.getElementById(button.dataset.copy), words = button.querySelector("span");
    var done = function () {
      var before = button.dataset.before || words.textContent;
      button.dataset.before = before;
      words.textContent = button.dataset.copied;
      setTimeout(function () { words.textContent = before; }, 2000);
    };
    var mark = function () {
      getSelection().selectAllChildren(source);
      if (document.execCommand("copy")) done();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(source.textContent).then(done, mark);
    else mark();
  });

  // Menus that open in place close again.
  document.addEventListener("click", function (event) {
    document.querySelectorAll("[data-drop][open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    document.querySelectorAll("[data-drop][open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // Forms that are drawn from fields: some are shown only with a value of another, some follow another's value.
  function valueOf(form, name) {
    var input = form.elements.namedItem(name);
    if (!input) return "";
    if (input.type === "checkbox") return String(input.checked);
    return input.value;
  }
  function settle(form) {
    form.querySelectorAll("[data-shown-if*='=']").forEach(function (line) {
      var rule = line.dataset.shownIf.split("=");
      line.toggleAttribute("data-off", valueOf(form, rule[0]) !== rule[1]);
    });
  }
  document.addEventListener("change", function (event) {
    var form = event.target.closest("form[data-fields]");
    if (!form) return;
    settle(form);
    form.querySelectorAll("[data-follows]").forEach(function (input) {
      if (input.dataset.follows !== event.target.name || input.dataset.typed) return;
      var value = JSON.parse(input.dataset.followValues)[valueOf(form, event.target.name)];
      if (value !== undefined) input.value = value;
    });
  });
  document.addEventListener("input", function (event) {
    if (event.target.matches("[data-follows]")) event.target.dataset.typed = "1";
  });
  function prepare(form) {
    form.querySelectorAll("[data-was]").forEach(function (old) { old.remove(); });
    form.querySelectorAll("[data-follows]").forEach(function (input) {
      var usual = JSON.parse(input.dataset.followValues)[valueOf(form, input.dataset.follows)];
      if (usual !== input.value) input.dataset.typed = "1";
    });
    settle(form);
  }
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("form[data-fields]").forEach(prepare);
  });

  // Enter in a field with a button of its own presses that button, not the form's first.
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || !event.target.matches("[data-enter]")) return;
    event.preventDefault();
    document.getElementById(event.target.dataset.enter).click();
  });
  document.addEventListener("keypress", function (event) {
    if (event.key === "Enter" && event.target.matches("[data-enter]")) event.preventDefault();
  });

  // A choice that replaces what is below it is taken at once.
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submits]")) document.getElementById(event.target.dataset.submits).click();
  });

  // Keys and certificates come as files; the server gets their text.
  document.addEventListener("change", function (event) {
    var file = event.target.matches("[data-into]") && event.target.files[0];
    if (!file || file.size > 262144) return;
    file.text().then(function (text) {
      document.getElementById(event.target.dataset.into).value = text;
      event.target.value = "";
    });
  });

  // What went wrong gets the focus, so that it is read out and seen.
  function focusProblem(within) {
    var found = within.querySelector("[data-focus]");
    if (found) found.focus();
  }
  document.addEventListener("DOMContentLoaded", function () {
    focusProblem(document);
    document.querySelectorAll("[popover][data-open]").forEach(function (dialog) { dialog.showPopover(); });
  });
})();
