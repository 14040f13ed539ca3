/* The page: asks the API every few seconds and shows what it says.  All text
 * that comes from there is put in as text, never as markup. */
"use strict";
(() => {
	const PERIOD_MS = 5000, PLOT_MS = 15000, TIMEOUT_MS = 8000, LINES = 8;
	const SHORTEST_S = 120; // of a plot
	const WHY = {
		policy: ["good", "as the policy has it"],
		use: ["warn", "set by an administrator"],
		avoid: ["warn", "avoided by an administrator"],
		dead: ["bad", "dead to the probes"],
		drain: ["warn", "asked for no new requests"],
		failing: ["bad", "failing"],
		slow: ["warn", "slow"],
		last: ["bad", "bad, but the last one left"],
	};
	const TROUBLE = {silent: "silent", behind: "another policy",
		refusing: "refused the last message"};
	const $ = (id) => document.getElementById(id);
	const state = {
		group: null,      // the selected one's name
		groups: [],
		hidden: new Set(),  // "group name": lines that are not drawn
		series: new Map(),  // "group name" -> the API's answer
		known: new Set(),   // groups whose lines have been chosen
		agentPages: 1, eventPages: 1,
		now: 0,           // the server's clock, seconds
		plotted: 0, failedSince: null, busy: false, again: false,
	};

	/* --- small things ------------------------------------------------- */

	function el(name, attributes = {}, ...children) {
		const e = document.createElement(name);
		for (const [k, v] of Object.entries(attributes)) {
			if (v !== null && v !== undefined)
				e.setAttribute(k, v);
		}
		e.append(...children.filter((c) => c !== null && c !== undefined));
		return e;
	}

	/* On a narrow screen a row is a list of what its columns are called: each
	 * cell knows, and stays a cell to whoever hears it. */
	function label(row, table) {
		const heads = table.tHead.rows[0].cells;
		row.setAttribute("role", "row");
		[...row.cells].forEach((cell, i) => {
			cell.dataset.label = heads[i].textContent;
			cell.setAttribute("role", cell.tagName === "TH" ?
				"rowheader" : "cell");
		});
	}

	/* Put rows in place of those that are there; keep the focus. */
	function fill(id, rows, none, columns) {
		const body = $(id).tBodies[0];
		const key = body.contains(document.activeElement) ?
			document.activeElement.dataset.key : undefined;
		if (rows.length === 0)
			rows = [el("tr", {}, el("td", {class: "none",
				colspan: columns}, none))];
		else
			rows.forEach((r) => label(r, $(id)));
		body.replaceChildren(...rows);
		if (key !== undefined)
			body.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
	}

	const plural = (n, one, many = one + "s") => `${n} ${n === 1 ? one : many}`;

	function span(s) {
		s = Math.max(0, Math.round(s));
		if (s < 60)
			return `${s} s`;
		if (s < 3600)
			return `${Math.floor(s / 60)} min`;
		if (s < 86400)
			return `${Math.floor(s / 3600)} h ` +
				`${Math.floor(s % 3600 / 60)} min`;
		return `${plural(Math.floor(s / 86400), "day")} ` +
			`${Math.floor(s % 86400 / 3600)} h`;
	}

	function clock(s) {
		const d = new Date(s * 1000), now = new Date(state.now * 1000);
		const time = d.toLocaleTimeString([], {hour: "2-digit",
			minute: "2-digit", second: "2-digit", hour12: false});
		if (d.toDateString() === now.toDateString())
			return time;
		return d.toLocaleDateString([], {day: "numeric", month: "short",
			year: d.getFullYear() === now.getFullYear() ?
				undefined : "numeric"}) + " " + time;
	}

	function time(s, ago = true, least = false) {
		const t = el("time", {datetime: new Date(s * 1000).toISOString(),
			title: new Date(s * 1000).toString()}, clock(s));
		const text = s > state.now ? `, in ${span(s - state.now)}` :
			`, ${span(state.now - s)} ago`;
		return ago ? el("span", {}, least ? "before " : null, t, text) : t;
	}

	const milliseconds = (us) => us === null ? "–" :
		us < 10000 ? `${(us / 1000).toFixed(1)} ms` :
			us < 10e6 ? `${Math.round(us / 1000)} ms` :
				`${(us / 1e6).toFixed(1)} s`;
	const percent = (permille) => `${(permille / 10).toFixed(
		permille % 10 === 0 ? 0 : 1)} %`;

	function why(i) {
		const [level, text] = WHY[i.why] || ["warn", i.why];
		return el("span", {class: `why ${level}`}, text);
	}

	const stands = (i) => i.drain ? "not used" : `tier ${i.tier}`;
	const key = (group, name) => `${group} ${name}`;

	async function get(path) {
		const stop = new AbortController();
		const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
		try {
			const r = await fetch(`/api/v1/${path}`, {cache: "no-store",
				credentials: "omit", signal: stop.signal});
			const doc = await r.json();
			if (!doc.ok)
				throw new Error(doc.error);
			return doc;
		} finally {
			clearTimeout(timer);
		}
	}

	const query = (o) => new URLSearchParams(Object.entries(o)
		.filter(([, v]) => v !== null && v !== undefined)).toString();

	/* --- the top -------------------------------------------------------- */

	function health(level, text) {
		const e = $("health");
		if (e.textContent !== text)
			e.textContent = text;
		e.className = `pill ${level}`;
	}

	function showStatus(s) {
		const store = $("store");
		store.hidden = s.degraded.length === 0;
		const text = s.degraded.join("; ");
		if (store.textContent !== text)
			store.textContent = text;
		if (!s.readable)
			health("bad", "the store cannot be read");
		else if (!s.writable)
			health("bad", "the store is read-only");
		else
			health("good", "works");
		$("facts").textContent = `${plural(s.agents, "agent")}; newest ` +
			["report", "probe", "rank"].map((what) => {
				const at = s.newest[`${what}_s`];
				return `${what} ${at === null ? "none" :
					`${span(s.now_s - at)} ago`}`;
			}).join(", ") + `; at ${clock(s.now_s)}; ` +
			`version ${s.version}`;
	}

	function lost(error) {
		if (state.failedSince === null)
			console.error(String(error));
		state.failedSince ??= Date.now();
		document.body.classList.add("away");
		const since = span((Date.now() - state.failedSince) / 1000);
		health("bad", error instanceof TypeError || error.name === "AbortError" ?
			`the server does not answer, for ${since}` :
			`the server says: ${error.message}`);
	}

	function found() {
		state.failedSince = null;
		document.body.classList.remove("away");
	}

	/* --- what is not as it should be --------------------------------------- */

	function showOdd() {
		const rows = [];
		let all = 0;
		for (const g of state.groups) {
			all += g.intermediaries.length;
			for (const i of g.intermediaries.filter((m) =>
				m.why !== "policy"))
				rows.push({g, i});
		}
		rows.sort((a, b) => b.i.since_s - a.i.since_s);
		fill("odd", rows.map(({g, i}) => el("tr", {},
			el("th", {scope: "row"}, i.name),
			el("td", {}, g.group),
			el("td", {class: "time"}, stands(i)),
			el("td", {class: "time"},
				time(i.since_s, true, !i.since_known)),
			el("td", {class: "text"}, why(i), " ", i.reason))),
		all === 0 ? "No group has been ranked yet." :
			`All ${all} stand as their policy has them.`, 5);
		$("odd").tHead.hidden = rows.length === 0;
	}

	function showOverrides(list) {
		$("over-s").hidden = list.length === 0;
		fill("over", list.map((o) => el("tr", {},
			el("td", {}, o.group === "*" ? "all" : o.group),
			el("td", {}, o.use.join(", ") || "–"),
			el("td", {}, o.avoid.join(", ") || "–"),
			el("td", {class: "time"}, time(o.until_s)),
			el("td", {class: "time"}, time(o.from_s)),
			el("td", {}, o.by),
			el("td", {class: "text"}, o.why))), "none", 7);
	}

	/* --- groups ------------------------------------------------------------- */

	const selected = () => state.groups.find((g) => g.group === state.group);

	function showTabs() {
		const nav = $("tabs");
		const focus = nav.contains(document.activeElement) ?
			document.activeElement.dataset.key : undefined;
		nav.replaceChildren(...state.groups.map((g) => {
			const odd = g.intermediaries.filter((i) =>
				i.why !== "policy").length;
			const b = el("button", {type: "button", "data-key": g.group,
				"aria-pressed": String(g.group === state.group)},
			g.group, odd === 0 ? null : el("span",
				{class: "why warn count"}, `${odd} moved`));
			b.addEventListener("click", () => select(g.group));
			return b;
		}));
		if (focus !== undefined)
			nav.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
	}

	function groupFacts(g) {
		const a = g.agents, parts = [plural(a.known, "agent")];
		if (a.silent > 0)
			parts.push(`${a.silent} silent`);
		if (a.behind > 0)
			parts.push(`${a.behind} with another policy`);
		if (a.refusing > 0)
			parts.push(`${a.refusing} that refused something`);
		const mark = (m, what) => m === null ? `no ${what}` :
			`${what} ${m.epoch}.${m.serial}, ` +
			`${span(state.now - m.issued_s)} old, ` +
			(m.expires_s > state.now ?
				`expires in ${span(m.expires_s - state.now)}` : "expired");
		return `${parts.join(", ")}; ${mark(g.policy, "policy")}; ` +
			mark(g.rank, "rank");
	}

	/* The colour of a line: its place in the group. */
	const colour = (index) => index % LINES;
	const drawn = (g) => g.intermediaries.filter((i) =>
		!state.hidden.has(key(g.group, i.name)));

	function toggle(g, i) {
		const k = key(g.group, i.name);
		if (!state.hidden.delete(k))
			state.hidden.add(k);
		showPlaces();
		state.plotted = 0;
		refresh();
	}

	function lineButton(g, i, index) {
		const on = !state.hidden.has(key(g.group, i.name));
		const b = el("button", {type: "button", "data-key": i.name,
			class: `line k${colour(index)}`, "aria-pressed": String(on),
			title: on ? "hide its lines" : "show its lines"},
		el("i", {"aria-hidden": "true"}), el("b", {}, i.name));
		b.addEventListener("click", () => toggle(g, i));
		return b;
	}

	function showPlaces() {
		const g = selected();
		$("group-facts").textContent = g ? groupFacts(g) : "";
		fill("places", (g ? g.intermediaries : []).map((i, index) =>
			el("tr", {},
				el("th", {scope: "row"}, lineButton(g, i, index)),
				el("td", {class: "num"}, i.drain ? "–" : i.tier),
				el("td", {}, why(i)),
				el("td", {class: "time"},
					time(i.since_s, true, !i.since_known)),
				el("td", {class: "text"}, i.reason || "–"),
				el("td", {class: "num"}, i.drain ? "–" : i.weight),
				el("td", {class: "num"}, percent(i.success_permille)),
				el("td", {class: "num"}, milliseconds(i.latency_us)),
				el("td", {class: "num"}, i.agents))),
		"Nothing has been ranked for this group.", 9);
	}

	function select(group) {
		state.group = group;
		location.hash = group === null ? "" :
			`group=${encodeURIComponent(group)}`;
		state.plotted = 0;
		state.eventPages = state.agentPages = 1;
		showTabs();
		showPlaces();
		refresh();
	}

	function showGroups(groups) {
		state.groups = groups;
		if (!selected()) {
			const wanted = decodeURIComponent(
				location.hash.replace(/^#group=/, ""));
			const odd = groups.find((g) =>
				g.intermediaries.some((i) => i.why !== "policy"));
			state.group = (groups.find((g) => g.group === wanted) || odd ||
				groups[0] || {group: null}).group;
		}
		/* As many lines as there are colours, unless more are asked for. */
		for (const g of groups) {
			if (state.known.has(g.group))
				continue;
			state.known.add(g.group);
			g.intermediaries.slice(LINES).forEach((i) =>
				state.hidden.add(key(g.group, i.name)));
		}
		showOdd();
		showTabs();
		showPlaces();
	}

	/* --- plots ---------------------------------------------------------------- */

	/* One line of the three plots each, with its colour. */
	function lines(g, field) {
		return drawn(g).map((i) => {
			const s = state.series.get(key(g.group, i.name));
			const index = g.intermediaries.indexOf(i);
			return s && {name: i.name, key: colour(index),
				points: s[field]};
		}).filter(Boolean);
	}

	function at(points, s) {
		let v;
		for (const [t, value] of points) {
			if (t > s)
				break;
			v = value;
		}
		return v;
	}

	function describe(svg, what, series, format) {
		const now = series.map((s) => {
			const v = at(s.points, Infinity);
			return `${s.name} ${v === null || v === undefined ?
				"nothing" : format(v)}`;
		}).join(", ");
		svg.setAttribute("aria-label", `${what} over time; now: ${now}`);
	}

	function draw() {
		const g = selected();
		if (!g)
			return;
		const tier = lines(g, "tier");
		/* Not longer than there is anything to see. */
		const first = Math.min(state.now - SHORTEST_S, ...[...tier,
			...lines(g, "probe_latency_us")]
			.map((s) => s.points[0]?.[0] ?? Infinity));
		const common = {from: Math.max(first,
			state.now - Number($("range").value)), to: state.now};
		const tiers = [...new Set(tier.flatMap((s) =>
			s.points.map(([, v]) => v)).filter((v) => v !== null))];
		const low = Math.max(1, ...tiers);
		/* Tier 1 stands above; below all is what is not used. */
		const lane = (v) => v === null ? -(low + 1) : -v;
		plot($("plot-tier"), {...common, step: true, offset: 3,
			series: tier.map((s) => ({...s, points:
				s.points.map(([t, v]) => [t, lane(v)])})),
			low: -(low + 1.4), high: -0.6,
			ticks: Array.from({length: low + 1}, (_, i) => -(i + 1)),
			format: (v) => v === -(low + 1) ? "not used" : String(-v)});
		describe($("plot-tier"), "Tier", tier, String);

		const probes = lines(g, "probe_latency_us");
		const latency = lines(g, "latency_us");
		const most = Math.max(1000, ...[...latency, ...probes].flatMap((s) =>
			s.points.map(([, v]) => v || 0)));
		const ticks = plotTicks(most / 1000).map((v) => v * 1000);
		plot($("plot-latency"), {...common, step: true, series: latency,
			dots: probes, low: 0, high: ticks[ticks.length - 1], ticks,
			format: (v) => v === 0 ? "0" : milliseconds(v)});
		describe($("plot-latency"), "Latency", latency, milliseconds);

		const success = lines(g, "success_permille");
		plot($("plot-success"), {...common, step: true, series: success,
			dots: lines(g, "probe_success_permille"),
			low: 0, high: 1000, offset: 2, ticks: [0, 250, 500, 750, 1000],
			format: (v) => `${v / 10} %`});
		describe($("plot-success"), "Success", success, percent);
	}

	async function plots() {
		const g = selected();
		if (!g || Date.now() - state.plotted < PLOT_MS)
			return;
		const since = `-${$("range").value}`;
		const names = drawn(g).map((i) => i.name);
		const got = await Promise.all(names.map((name) => get("series?" +
			query({group: g.group, name, since})).catch(() => null)));
		state.series.clear();
		names.forEach((name, i) => {
			if (got[i])
				state.series.set(key(g.group, name), got[i]);
		});
		state.plotted = Date.now();
	}

	/* What the lines were at the pointer's time. */
	function point(event) {
		const g = selected();
		const s = event.currentTarget.timeAt?.(event.offsetX *
			event.currentTarget.viewBox.baseVal.width /
			event.currentTarget.clientWidth) ?? null;
		for (const id of ["plot-tier", "plot-latency", "plot-success"])
			$(id).mark?.(s);
		if (s === null || !g) {
			$("at").textContent = "";
			return;
		}
		$("at").textContent = `${clock(s)}: ` + drawn(g).map((i) => {
			const series = state.series.get(key(g.group, i.name));
			if (!series)
				return null;
			const tier = at(series.tier, s);
			const latency = at(series.latency_us, s);
			const success = at(series.success_permille, s);
			return tier === undefined ? null : `${i.name} ` +
				`${tier === null ? "not used" : `tier ${tier}`}` +
				`${latency ? `, ${milliseconds(latency)}` : ""}` +
				`${success === undefined || success === null ? "" :
					`, ${percent(success)}`}`;
		}).filter(Boolean).join("; ");
	}

	/* --- events and agents ----------------------------------------------------- */

	/* So many pages of a list as have been asked for. */
	async function pages(path, field, cursor, parameters, n) {
		let rows = [], next = null;
		for (let i = 0; i < n; i++) {
			const doc = await get(`${path}?` + query({...parameters,
				[cursor]: next}));
			rows = rows.concat(doc[field]);
			next = doc.next;
			if (next === null)
				break;
		}
		return [rows, next];
	}

	async function events() {
		const only = $("event-group").checked ? state.group : null;
		const [rows, next] = await pages("events", "events", "before",
			{limit: 100, group: only}, state.eventPages);
		fill("events", rows.map((e) => el("tr", {},
			el("td", {class: "time"}, time(e.at_s)),
			el("td", {}, e.kind),
			el("td", {}, e.group || "–"),
			el("td", {}, e.subject || "–"),
			el("td", {class: "text"}, e.text))),
		"Nothing has happened yet.", 5);
		$("event-more").hidden = next === null;
	}

	function policyOf(a) {
		if (a.policy === null)
			return ["none", "–"];
		const old = a.policy.issued_s === null ? "not known" :
			span(state.now - a.policy.issued_s);
		return [`${a.policy.epoch}.${a.policy.serial}`, a.policy.current ?
			old : el("span", {}, `${old} `, el("span",
				{class: "why warn"}, "not the one in force"))];
	}

	async function agents() {
		const only = $("agent-group").checked ? state.group : null;
		const [rows, next] = await pages("agents", "agents", "after",
			{limit: 200, group: only,
				trouble: $("agent-trouble").checked ? 1 : null},
			state.agentPages);
		fill("agents", rows.map((a) => {
			const [policy, age] = policyOf(a);
			const bad = a.trouble.filter((t) => t !== "behind").map((t) =>
				el("span", {class: "why warn"}, TROUBLE[t] || t));
			return el("tr", {}, el("th", {scope: "row"}, a.name),
				el("td", {}, a.group),
				el("td", {class: "time"}, policy),
				el("td", {class: "time"}, age),
				el("td", {class: "time"}, a.rank === null ? "none" :
					`${a.rank.epoch}.${a.rank.serial}` +
					(a.rank.current ? "" : ", not the newest")),
				el("td", {class: "time"}, a.seen_s === null ? "never" :
					time(a.seen_s), " ", ...bad.slice(0,
					a.trouble.includes("silent") ? 1 : 0)),
				el("td", {class: "text"}, a.refused === null ? "–" :
					`${a.refused.code}: ${a.refused.text}`),
				el("td", {}, a.software));
		}), "No agent has registered.", 8);
		$("agent-facts").textContent = next === null ?
			`${rows.length} shown` : `the first ${rows.length} shown`;
		$("agent-more").hidden = next === null;
	}

	/* --- all of it ----------------------------------------------------------------- */

	async function update() {
		const status = await get("status");
		state.now = status.now_s;
		showStatus(status);
		if (!status.readable)
			return;
		const [groups, overrides] = await Promise.all([get("groups"),
			get("overrides")]);
		showGroups(groups.groups);
		showOverrides(overrides.overrides);
		await Promise.all([plots(), events(), agents()]);
		draw();
	}

	async function refresh() {
		if (state.busy) {
			state.again = true;
			return;
		}
		state.busy = true;
		do {
			state.again = false;
			try {
				await update();
				found();
			} catch (error) {
				lost(error);
			}
		} while (state.again);
		state.busy = false;
		document.body.dataset.ready = "yes";
	}

	function start() {
		for (const table of document.querySelectorAll("table")) {
			table.setAttribute("role", "table");
			table.tHead.setAttribute("role", "rowgroup");
			table.tBodies[0].setAttribute("role", "rowgroup");
			table.tHead.rows[0].setAttribute("role", "row");
			for (const cell of table.tHead.rows[0].cells)
				cell.setAttribute("role", "columnheader");
		}
		$("range").addEventListener("change", () => {
			state.plotted = 0;
			refresh();
		});
		for (const id of ["event-group", "agent-group", "agent-trouble"])
			$(id).addEventListener("change", () => refresh());
		$("event-more").addEventListener("click", () => {
			state.eventPages++;
			refresh();
		});
		$("agent-more").addEventListener("click", () => {
			state.agentPages++;
			refresh();
		});
		for (const id of ["plot-tier", "plot-latency", "plot-success"]) {
			$(id).addEventListener("pointermove", point);
			$(id).addEventListener("pointerleave", () => {
				for (const p of ["plot-tier", "plot-latency", "plot-success"])
					$(p).mark?.(null);
				$("at").textContent = "";
			});
		}
		window.addEventListener("resize", draw);
		document.addEventListener("visibilitychange", () => {
			if (!document.hidden)
				refresh();
		});
		setInterval(() => {
			if (!document.hidden)
				refresh();
		}, PERIOD_MS);
		refresh();
	}

	start();
})();
