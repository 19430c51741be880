// The Devices page: one tick for the whole page, and rows that show that they are ticked.
(function () {
  "use strict";
  var form = document.querySelector("[data-selection]");
  if (!form) return;
  var all = form.querySelector("[data-pick-all]");
  var ticks = Array.prototype.slice.call(form.querySelectorAll("input[name=device]"));

  function show() {
    var on = ticks.filter(function (tick) { return tick.checked; }).length;
    all.checked = on > 0 && on === ticks.length;
    all.indeterminate = on > 0 && on < ticks.length;
    ticks.forEach(function (tick) { tick.closest("tr").classList.toggle("is-picked", tick.checked); });
  }

  all.hidden = false;
  // Before htmx hears of it on the form, so that it sends what is ticked then.
  all.addEventListener("change", function () {
    ticks.forEach(function (tick) { tick.checked = all.checked; });
  });
  form.addEventListener("change", show);

  // A click with Shift ticks everything from the last click to this one.
  var last = null;
  form.addEventListener("click", function (event) {
    if (event.target.name !== "device") return;
    var from = ticks.indexOf(last), to = ticks.indexOf(event.target);
    if (event.shiftKey && from >= 0) {
      ticks.slice(Math.min(from, to), Math.max(from, to) + 1).forEach(function (tick) { tick.checked = event.target.checked; });
    }
    last = event.target;
  });
  show();
})();
