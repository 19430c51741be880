// A part of the page that fetches itself again waits while somebody types or chooses something in it, or is being
// asked a question by it.
(function () {
  "use strict";
  function touched(field) {
    if (field.tagName === "SELECT") {
      return Array.prototype.some.call(field.options, function (o) { return o.selected !== o.defaultSelected; }) && field.selectedIndex > 0;
    }
    return field.value !== field.defaultValue;
  }
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (!event.target.hasAttribute("data-live")) return;
    if (event.target.querySelector(":popover-open")) { event.preventDefault(); return; }
    var fields = Array.prototype.slice.call(event.target.querySelectorAll("input:not([type=hidden]), select"));
    if (fields.some(function (f) { return f === document.activeElement || touched(f); })) event.preventDefault();
  });
})();
