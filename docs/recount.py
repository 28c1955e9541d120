"""Recount a month from the claims of an export: python3 recount.py record.jsonl 2026-11

It reads what signals claimed and what people did, and none of promptness's own
verdicts, times or states. It prints, for each policy, how many clocks are in each
state, and the share. Policies with a condition (applies) are left out."""
import datetime, json, re, sys
from collections import Counter

MIN, DAY = 60 * 10**9, 86400 * 10**9
INF, UTC = float("inf"), datetime.timezone.utc

def ns(text):  # RFC 3339 in UTC to nanoseconds since 1970
    whole, _, part = text.rstrip("Z").partition(".")
    t = datetime.datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(t.timestamp()) * 10**9 + int((part + "0" * 9)[:9])

def summer(t):  # whether the clocks of London are an hour ahead at t
    year = datetime.datetime.fromtimestamp(t // 10**9, UTC).year
    def change(month):
        d = datetime.datetime(year, month, 31, 1, tzinfo=UTC)
        return int((d - datetime.timedelta(days=(d.weekday() + 1) % 7)).timestamp()) * 10**9
    return change(3) <= t < change(10)

def month(t):
    t += 60 * MIN if summer(t) else 0
    return datetime.datetime.fromtimestamp(t // 10**9, UTC).strftime("%Y-%m")

def begins(date):  # the midnight in London at which a day begins
    t = ns(date + "T00:00:00Z")
    return t - 60 * MIN if summer(t - 60 * MIN) else t

def interval(i):
    return (ns(i["e"]) if "e" in i else -INF, ns(i["l"]) if "l" in i else INF)

class View:  # the signals of an incident, without those that are withdrawn or left out
    def __init__(self, members, skip=()):
        acts = [(n, s["act"]) for n, s in members if "act" in s and n not in skip]
        self.gone = set(skip) | {a["signal"] for _, a in acts if a["kind"] == "withdraw"}
        self.members = [(n, s) for n, s in members if n not in self.gone]
        acts = [(n, a) for n, a in acts if n not in self.gone]
        marks = {n: (s["id"], s.get("part", 0)) for n, s in members}
        self.vouched = {marks[a["signal"]] for _, a in acts if a["kind"] == "vouch" and a["signal"] in marks}
        pick = lambda kind: {(a["signal"], a.get("milestone", "")) for _, a in acts if a["kind"] == kind}
        self.accepted, self.rejected = pick("accept"), pick("reject")
        self.corrected = {a["milestone"]: (n, interval(a["interval"])) for n, a in acts if a["kind"] == "correction"}
        self.acts, self.told, self.first, self.many, stating, first = acts, INF, None, False, set(), None
        for n, s in self.members:
            if self.trusted(s) and s.get("act", {}).get("kind", "report") in ("report", "detection"):
                self.told = min(self.told, ns(s["receipt"]))
            for c in s.get("claims", []):
                if c["m"] in ("reported", "reported_to_desk") and self.grade(n, s, c, True) == 2:
                    self.told, key = min(self.told, interval(c["i"])[1]), (ns(s["receipt"]), s["id"])
                    if c["m"] == "reported" and (first is None or key < first):
                        first, self.first = key, n
                if c["m"] == "detected" and c["basis"] == "stated" and "void" not in c and self.trusted(s):
                    stating.add(c.get("observer", s.get("observer")))
        self.many = len(stating) > 20

    def trusted(self, s):
        return s.get("trust") in ("authenticated", "aligned", "vouched") or (s["id"], s.get("part", 0)) in self.vouched

    def grade(self, n, s, c, stop):  # 2 evidence, 1 weak, 0 void
        void, m = c.get("void"), c["m"]
        if void not in (None, "offered") or (n, m) in self.rejected or (n, "") in self.rejected:
            return 0
        if void or (n, m) in self.accepted:
            return 2 if (n, m) in self.accepted else 0
        one_of_many = not stop and self.many and m == "detected" and c["basis"] == "stated" and n != self.first
        return 1 if (c.get("weak") or c["basis"] in ("derived", "assumed") or not self.trusted(s)
                     or stop and not c.get("receiver") or one_of_many) else 2

    def time(self, m, stop):  # (earliest, latest), whether weak, and what evidence alone says
        if m in self.corrected:
            return self.corrected[m][1], False, None
        start, graded = m == "detected" and not stop, {1: [], 2: []}
        for n, s in self.members:
            for c in s.get("claims", []):
                g, i = self.grade(n, s, c, stop), interval(c["i"])
                if c["m"] == m and g and not (start and i[0] > self.told):
                    graded[g].append((i, c["basis"], c.get("observer", s.get("observer"))))
        weak = not graded[2] and bool(graded[1])
        t, bound = self.earliest(graded[2] or graded[1], weak), None
        if start and self.told < INF:
            if t == (-INF, INF):
                return (-INF, self.told), False, None
            bound = (-INF, self.told) if weak else None
            t = (t[0], min(t[1], self.told))
        if m == "aware" and t == (-INF, INF):
            (detected, _), weak, _ = self.time("detected", False)
            t = (detected, INF)
        return t, weak, bound

    def earliest(self, claims, weak):
        by, used = {}, []
        for i, basis, who in claims:
            if basis == "stated" and who:
                by.setdefault(who, []).append(i)
            else:
                used.append((i, basis, who))
        for who, said in by.items():  # one observer speaks of one moment
            meet = (max(i[0] for i in said), min(i[1] for i in said))
            used.append((meet if meet[0] <= meet[1] else min(said), "stated", who))
        exact = [(i, b, w) for i, b, w in used if weak or b != "stated" or i[1] - i[0] <= 60 * MIN or not any(
            o[1] - o[0] < i[1] - i[0] and v != w and i[0] <= o[0] and o[1] <= i[1] for o, _, v in used)]
        return (min((i[0] for i, _, _ in exact), default=-INF), min((i[1] for i, _, _ in exact), default=INF))

def judge(limit, start, stop, now):  # the table of verdicts, as a month counts them
    (s, weak, bound), (e, unconfirmed, _) = start, stop
    if e == (-INF, INF) or unconfirmed:
        unconfirmed = e != (-INF, INF)
        if s == (-INF, INF):
            return "waiting"
        if now <= s[1] + limit:
            return "undetermined" if now > s[0] + limit and s[0] > -INF else "running"
        weakly = weak and not (bound and now > bound[1] + limit)
        return "undetermined" if weakly or unconfirmed else "overdue"
    shortest, longest = max(0, e[0] - s[1]), e[1] - s[0]
    state = ("breached" if shortest > limit else "met" if longest <= limit
             else "unmeasured" if s[0] == -INF else "undetermined")
    if weak and state in ("met", "breached"):
        state = "breached" if bound and e[0] - bound[1] > limit else "undetermined"
    return state

def late(s, c, due):  # whether a person entered this too late to count alone
    return c["m"] != "detected" and (ns(s["received"]) - interval(c["i"])[1] > 15 * MIN or ns(s["received"]) > due)

def second_person(v, due):  # acts that another person must confirm, and nobody has
    signals = dict(v.members)
    pending = {n: a for n, a in v.acts if a["kind"] in ("correction", "accept") or a["kind"] in ("report", "milestone")
               and any(late(signals[n], c, due) for c in signals[n].get("claims", []))}
    for n, a in v.acts:
        if a["kind"] == "confirm":
            pending = {k: p for k, p in pending.items() if k > n or p["author"] == a["author"]}
    return pending

def clock(members, policies, now):  # (month, state) of one policy on one incident, or None
    v = View(members)
    for p in policies:
        start = v.time(p["start"], False)
        s = start[0]
        at = s[1] if s[1] < INF else s[0] if s[0] > -INF else min(ns(x["receipt"]) for _, x in members)
        current = [q for q in policies if begins(q["from"]) <= at]
        if not current or current[-1] is not p or p.get("off"):
            continue
        limit, stop = span(p["limit"]), v.time(p["stop"], True)
        state, due = judge(limit, start, stop, now), (s[0] if s[0] > -INF else s[1]) + limit
        pending = second_person(v, due)
        if state == "met" and pending:
            def without(m, is_stop):
                n = v.corrected.get(m, (None,))[0]
                before = [x for x in members if n not in pending or x[0] < n]
                return View(before, [k for k in pending if k in dict(before)]).time(m, is_stop)
            if judge(limit, without(p["start"], False), without(p["stop"], True), now) in ("overdue", "breached"):
                state = "undetermined"
        last, canary, off = "", any(x.get("attrs", {}).get("canary") and v.trusted(x) for _, x in v.members), False
        for _, a in v.acts:
            last = a.get("disposition", "") if a["kind"] == "disposition" else last
            off = a.get("off", False) if a["kind"] == "notifiable" and a.get("policy") == p["id"] else off
        none = last == "false_positive" or last == "near_miss" and not p.get("near_miss")
        return month(at), "excluded" if none or off or canary != (p["id"] == "canary") else state

def span(text):  # "1h0m0s" in nanoseconds
    unit = {"h": 60 * MIN, "m": MIN, "s": 10**9}
    return int(sum(float(n) * unit[u] for n, u in re.findall(r"([0-9.]+)([hms])", text)))

def recount(path, wanted):
    members, rules, now = {}, {"policies": []}, 0
    for line in open(path, "rb"):
        e = json.loads(line)
        now, kind = ns(e["at"]), e["kind"]
        rules = e["text"] if kind == "rules" else rules
        ref = e.get("incident", {}).get("ref")
        mine = members.setdefault(ref, []) if ref else []
        if kind == "merged":
            members[e["incident"]["into"]] = sorted(members[e["incident"]["into"]] + mine, key=lambda m: m[0])
            members[ref] = []
        elif kind == "split":
            moved = [m for m in members[e["from"]] if m[0] in e["moved"]]
            members[e["from"]] = [m for m in members[e["from"]] if m[0] not in e["moved"]]
            members[ref] = sorted(mine + moved, key=lambda m: m[0])
        elif "signal" in e and ref:
            mine.append((e["n"], e["signal"]))
    out = {}
    for name in sorted({p["id"] for p in rules["policies"]}):
        versions = [p for p in rules["policies"] if p["id"] == name]
        if any("applies" in p for p in versions) or all(p.get("off") for p in versions):
            continue
        states = Counter()
        for ms in members.values():
            v = View(ms)
            opened = any(s.get("opening") == "opens" or s.get("act", {}).get("kind") in ("open", "report") for _, s in v.members)
            found = clock(ms, versions, now) if opened else None
            if found and found[0] == wanted:
                states[found[1]] += 1
        n = sum(states[s] for s in ("met", "breached", "overdue", "undetermined"))
        out[name] = {"states": dict(sorted(states.items())),
                     "share": {"n": n, "met": states["met"], "undetermined": states["undetermined"]}}
    return out
if __name__ == "__main__":
    print(json.dumps(recount(sys.argv[1], sys.argv[2]), indent=1))
