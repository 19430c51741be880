// Draws numbers per hour: as stacked bars, or as lines where they do not add up to anything. The numbers come from an element of the page, and are read again whenever
// the page has fetched itself new ones.
(function () {
  "use strict";
  var plot, box, channel = "all", drawn = "";

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Each bar stands on those before it; the highest is drawn first, so that the lower ones cover it.
  function stack(lists, length) {
    var sums = new Array(length).fill(0);
    return lists.map(function (list) {
      sums = sums.map(function (n, i) { return n + list[i]; });
      return sums;
    }).reverse();
  }

  function series(states, lists) {
    var bars = uPlot.paths.bars({ size: [0.62, 30], radius: 0 });
    return states.map(function (state, i) {
      return {
        label: state.label,
        fill: colour("--plot-" + state.name),
        stroke: colour("--plot-" + state.name),
        width: 0,
        paths: bars,
        points: { show: false },
        value: function (u, v, s, at) { return at === null || !lists[i] ? "–" : lists[i][at].toLocaleString(document.documentElement.lang); }
      };
    }).reverse();
  }

  function lines(states, lists) {
    return states.map(function (state, i) {
      return {
        label: state.label,
        stroke: colour("--plot-" + state.name),
        width: 2,
        dash: i === 1 ? [6, 4] : undefined, // it often runs along the first
        points: { show: lists[i].length <= 48, size: 5, fill: colour("--plot-" + state.name) },
        value: function (u, v, s, at) { return at === null ? "–" : lists[i][at].toLocaleString(document.documentElement.lang); }
      };
    });
  }

  function axis(extra) {
    return Object.assign({
      stroke: colour("--tblr-secondary"),
      font: "12px " + getComputedStyle(document.body).fontFamily,
      grid: { stroke: colour("--plot-grid"), width: 1 },
      ticks: { show: false }
    }, extra);
  }

  function day(seconds) {
    var html = document.documentElement;
    return new Date(seconds * 1000).toLocaleDateString(html.lang, { day: "numeric", month: "short", timeZone: html.dataset.zone || undefined });
  }

  function clock(seconds) {
    var html = document.documentElement;
    return new Date(seconds * 1000).toLocaleTimeString(html.lang, {
      hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: html.dataset.zone || undefined
    });
  }

  function short(n) {
    if (n >= 1e6) return n / 1e6 + "M";
    if (n >= 1e4) return n / 1e3 + "k";
    return n.toLocaleString(document.documentElement.lang);
  }

  function options(data, lists) {
    var long = data.times.length > 48;
    return {
      width: box.clientWidth,
      height: box.clientHeight - (box.clientWidth < 420 ? (data.lines ? 88 : 60) : 32),
      padding: [8, 18, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      legend: { live: true },
      scales: {
        x: { range: function (u, min, max) { return [min - 1800, max + 1800]; } },
        y: { range: function (u, min, max) { return [0, Math.max(4, max * 1.08)]; } }
      },
      series: [{ value: function (u, v) { return v ? (long ? day(v) + " " : "") + clock(v) : "–"; }, label: box.dataset.hour }]
        .concat(data.lines ? lines(data.states, lists) : series(data.states, lists)),
      axes: [
        axis({ size: 30, grid: { show: false }, values: function (u, times) {
          return times.map(long ? day : clock);
        }, space: 64, incrs: long ? [86400, 172800, 432000, 604800] : undefined }),
        axis({ size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6], values: function (u, numbers) { return numbers.map(short); } })
      ]
    };
  }

  function draw(force) {
    box = document.querySelector("[data-plot-from]");
    if (!box) return;
    var source = document.getElementById(box.dataset.plotFrom);
    if (!source || (!force && source.dataset.plot === drawn)) return;
    drawn = source.dataset.plot;
    var data = JSON.parse(drawn);
    var lists = data.values[channel] || data.states.map(function () { return data.times.map(function () { return 0; }); });
    var some = lists.some(function (list) { return list.some(function (n) { return n > 0; }); });
    box.toggleAttribute("data-empty", !some);
    if (plot) plot.destroy();
    plot = new uPlot(options(data, lists), [data.times].concat(data.lines ? lists : stack(lists, data.times.length)), box);
  }

  document.addEventListener("click", function (event) {
    var tab = event.target.closest("[data-channel]");
    if (!tab) return;
    channel = tab.dataset.channel;
    tab.parentElement.querySelectorAll("[data-channel]").forEach(function (one) {
      one.setAttribute("aria-pressed", String(one === tab));
    });
    draw(true);
  });
  document.addEventListener("htmx:afterSettle", function () { draw(false); });
  document.addEventListener("heliograph:theme", function () { draw(true); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { setTimeout(draw, 0, true); });
  var waiting;
  window.addEventListener("resize", function () { clearTimeout(waiting); waiting = setTimeout(draw, 120, true); });
  draw(true);
})();
