/* Draws lines over time into an <svg>; knows nothing of where they come from.
 *
 * plot(svg, {from, to, series: [{name, key, points: [[s, y|null]]}], step,
 *     dots, low, high, ticks: [y], format(y), offset})
 * key: 0..7, the colour.  A null ends a line.  step: a value holds until the
 * next point.  dots: series that are drawn fainter, below the others.  offset:
 * pixels between series, so that equal ones are seen. */
"use strict";
(() => {
	const NS = "http://www.w3.org/2000/svg";
	const LEFT = 58, RIGHT = 8, TOP = 8, BOTTOM = 20;
	const STEPS = [10, 20, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
		43200, 86400, 172800, 604800];

	function el(name, attributes, text) {
		const e = document.createElementNS(NS, name);
		for (const [k, v] of Object.entries(attributes))
			e.setAttribute(k, v);
		if (text !== undefined)
			e.textContent = text;
		return e;
	}

	function clock(s, step) {
		const d = new Date(s * 1000);
		return step >= 86400 ?
			d.toLocaleDateString([], {day: "numeric", month: "short"}) :
			d.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit",
				second: step < 60 ? "2-digit" : undefined,
				hour12: false});
	}

	/* Where the marks of the time axis are: at whole local times. */
	function timeMarks(from, to, width) {
		const most = Math.max(2, Math.floor(width / 75));
		const step = STEPS.find((s) => (to - from) / s <= most) ||
			STEPS[STEPS.length - 1];
		const zone = new Date(from * 1000).getTimezoneOffset() * 60;
		const marks = [];
		let s = Math.ceil((from - zone) / step) * step + zone;
		for (; s <= to; s += step)
			marks.push([s, clock(s, step)]);
		return marks;
	}

	function path(points, x, y, step, to) {
		let d = "", pen = false, last = null;
		for (const [s, v] of points) {
			if (v === null) {
				if (pen && step)
					d += "H" + x(s);
				pen = false;
				last = null;
				continue;
			}
			if (!pen)
				d += "M" + x(s) + " " + y(v);
			else if (step)
				d += "H" + x(s) + "V" + y(v);
			else
				d += "L" + x(s) + " " + y(v);
			pen = true;
			last = v;
		}
		if (step && last !== null)
			d += "H" + x(to);
		return d;
	}

	/* A line of one point would not be seen. */
	function lonely(points) {
		return points.filter(([, v], i) => v !== null &&
			(i === 0 || points[i - 1][1] === null) &&
			(i + 1 === points.length || points[i + 1][1] === null));
	}

	function axes(svg, p, x, y, box) {
		for (const v of p.ticks) {
			svg.append(el("line", {class: "grid", x1: LEFT, x2: box.right,
				y1: y(v), y2: y(v)}));
			svg.append(el("text", {x: LEFT - 6, y: y(v) + 4,
				"text-anchor": "end"}, p.format(v)));
		}
		for (const [s, text] of timeMarks(p.from, p.to, box.right - LEFT)) {
			svg.append(el("line", {class: "grid", x1: x(s), x2: x(s),
				y1: box.bottom, y2: box.bottom + 4}));
			svg.append(el("text", {x: x(s), y: box.bottom + 16,
				"text-anchor": "middle"}, text));
		}
	}

	globalThis.plot = (svg, p) => {
		const w = Math.max(svg.clientWidth, 160);
		const h = Math.max(svg.clientHeight, 80);
		const box = {right: w - RIGHT, bottom: h - BOTTOM};
		const round = (n) => Math.round(n * 10) / 10;
		const x = (s) => round(LEFT + (Math.min(Math.max(s, p.from), p.to) -
			p.from) / (p.to - p.from) * (box.right - LEFT));
		const span = p.high - p.low || 1;
		const y = (v) => round(box.bottom - (v - p.low) / span *
			(box.bottom - TOP));

		svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
		svg.replaceChildren();
		axes(svg, p, x, y, box);
		for (const s of p.dots || []) {
			for (const [t, v] of s.points) {
				if (v !== null)
					svg.append(el("circle", {class: `dot k${s.key}`,
						cx: x(t), cy: y(v), r: 1.6}));
			}
		}
		p.series.forEach((s, i) => {
			const shift = (i - (p.series.length - 1) / 2) * (p.offset || 0);
			const yy = (v) => round(y(v) + shift);
			const d = path(s.points, x, yy, p.step, p.to);
			if (d !== "")
				svg.append(el("path", {class: `series k${s.key}`, d,
					"data-name": s.name}));
			if (!p.step) {
				for (const [t, v] of lonely(s.points))
					svg.append(el("circle", {class: `dot k${s.key}`,
						cx: x(t), cy: yy(v), r: 2.5}));
			}
		});
		if (p.series.every((s) => s.points.every(([, v]) => v === null)))
			svg.append(el("text", {x: (LEFT + box.right) / 2,
				y: h / 2 - 6, "text-anchor": "middle"},
			"nothing known for this time"));
		/* For whoever follows the pointer. */
		svg.timeAt = (px) => {
			const part = (px - LEFT) / (box.right - LEFT);
			return part < 0 || part > 1 ? null :
				p.from + part * (p.to - p.from);
		};
		svg.mark = (s) => {
			svg.querySelector(".cross")?.remove();
			if (s !== null)
				svg.append(el("line", {class: "cross", x1: x(s),
					x2: x(s), y1: TOP, y2: box.bottom}));
		};
	};

	/* Round marks of an axis from 0: at most five above it. */
	globalThis.plotTicks = (most) => {
		const unit = 10 ** Math.floor(Math.log10(most || 1));
		const step = [.2, .5, 1, 2, 5].map((f) => f * unit)
			.find((s) => most / s <= 5);
		const ticks = [];
		for (let v = 0; v < most + step; v += step)
			ticks.push(v);
		return ticks;
	};
})();
