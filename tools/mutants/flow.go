package main

var flowMutants = []mutant{
	{file: "fairness.go", what: "shares that nobody needed are saved up",
		old: "f.credit = min(f.credit+n-starved*StarvationShare, StarvationShare-1)", new: "f.credit = f.credit + n - starved*StarvationShare"},
	{file: "gate.go", what: "one place more than the limit",
		old: "max(g.Concurrency-s.Used, 0)", new: "max(g.Concurrency-s.Used+1, 0)"},
	{file: "limits.go", what: "the rate's interval is rounded down",
		old: "return (r.Per + time.Duration(r.Count) - 1) / time.Duration(r.Count)", new: "return r.Per / time.Duration(r.Count)"},
	{file: "gate.go", what: "a pause is saved up beyond the burst",
		old: "if s.Next.Before(now) {", new: "if s.Next.IsZero() {"},
	{file: "gate.go", what: "leaving twice frees two places",
		old: "s.Used = max(s.Used-1, 0)", new: "s.Used--"},
	{file: "limits.go", what: "keys without a limit by key are not limited",
		old: "\t\tl.Concurrency = 1\n", new: "\t\tl.Concurrency = 0\n"},
	{file: "holds.go", what: "a paused queue pauses all queues",
		old: "if h.Mode == Paused && (h.Queue == \"\" || h.Queue == queue)", new: "if h.Mode == Paused"},
	{file: "holds.go", what: "a draining transport takes messages",
		old: "if h.Mode == Draining && (h.Queue == \"\" || h.Queue == queue) {", new: "if h.Mode == Draining && h.Queue == queue {"},
}
