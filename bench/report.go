package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// row is a case of a peer with its repetitions.
type row struct {
	peer Peer
	name string // of the case
	reps []Result
}

// report writes the results as Markdown: medians, their spread, and ratios to the best peer.
func report(w io.Writer, machine string, chosen []Peer, results []Result) error {
	rows := group(chosen, results)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# Benchmarks\n\n%s\n", machine)
	fmt.Fprint(b, "Figures are medians (smallest–largest). \"× best\" compares with the best peer of the same case; peers marked ° answer before a message is safe from a crash of the machine and are not compared with.\n")
	for _, p := range chosen {
		fmt.Fprintf(b, "\n- **%s**: %s.", title(p), p.Settings)
	}
	fmt.Fprint(b, "\n")
	for _, t := range tables {
		t.write(b, rows)
	}
	writeVariants(b, rows, deepPrefix, "Depth")
	writeVariants(b, rows, snapshotPrefix, "An old snapshot held open")
	return b.Flush()
}

// group gathers the repetitions, cases in the order of the peers' own lists, peers in the order chosen.
func group(chosen []Peer, results []Result) []row {
	var rows []row
	for _, t := range schedule(chosen, 1) {
		r := row{peer: t.peer, name: t.c.Name}
		for _, result := range results {
			if result.Peer == r.peer.Name && result.Case == r.name {
				r.reps = append(r.reps, result)
			}
		}
		if len(r.reps) > 0 {
			rows = append(rows, r)
		}
	}
	return rows
}

func title(p Peer) string {
	if p.Relaxed {
		return p.Name + "°"
	}
	return p.Name
}

// figure takes one number out of a result, if it is there.
type figure func(Result) (float64, bool)

func rate(r Result) (float64, bool)   { return r.Rate, r.Rate > 0 }
func memory(r Result) (float64, bool) { return r.RSS, r.RSS > 0 }
func size(r Result) (float64, bool)   { return float64(r.N), r.N > 0 }
func failed(r Result) (float64, bool) { return float64(r.Errors), r.Errors > 0 }

// share is the smallest or the largest share of a worker process.
func share(pick func([]float64) float64) figure {
	return func(r Result) (float64, bool) {
		if len(r.Shares) == 0 {
			return 0, false
		}
		return pick(r.Shares), true
	}
}

func cpu(r Result) (float64, bool) {
	if r.CPUPercent == nil {
		return 0, false
	}
	return *r.CPUPercent, true
}

// of takes a quantile out of one of a result's groups of times.
func of(times func(Result) *Quantiles, q func(*Quantiles) float64) figure {
	return func(r Result) (float64, bool) {
		t := times(r)
		if t == nil {
			return 0, false
		}
		return q(t), true
	}
}

func endToEnd(r Result) *Quantiles { return r.EndToEnd }
func pickup(r Result) *Quantiles   { return r.Pickup }
func call(r Result) *Quantiles     { return r.Call }
func p50(q *Quantiles) float64     { return q.P50 }
func p99(q *Quantiles) float64     { return q.P99 }

// table shows the cases that have its main figure.
type table struct {
	title   string
	main    figure
	cases   string // patterns
	lower   bool   // lower is better
	columns []column
}

type column struct {
	title string
	value figure
}

var tables = []table{
	{"Throughput", rate, "enqueue*,batch*,drain*,claim*,both", false, []column{
		{"messages/s", rate}, {"messages", size}, {"errors", failed}, {"peak MiB", memory},
	}},
	{"Worker processes", rate, "workers-*", false, []column{
		{"messages/s", rate}, {"smallest share %", share(slices.Min)}, {"largest share %", share(slices.Max)}, {"peak MiB", memory},
	}},
	{"Throughput while messages wait", rate, "depth-*", false, []column{{"messages/s", rate}, {"peak MiB", memory}}},
	{"Pickup by an idle worker, 100 messages a second", of(endToEnd, p50), "*", true, []column{
		{"end to end p50 ms", of(endToEnd, p50)}, {"p99 ms", of(endToEnd, p99)}, {"after the commit p50 ms", of(pickup, p50)},
		{"p99 ms", of(pickup, p99)}, {"messages", size}, {"peak MiB", memory},
	}},
	{"HTTP", rate, "http*", false, []column{
		{"requests/s", rate}, {"p50 ms", of(call, p50)}, {"p99 ms", of(call, p99)}, {"server's peak MiB", memory},
	}},
	{"Status", of(call, p50), "status*", true, []column{{"calls/s", rate}, {"p50 ms", of(call, p50)}, {"p99 ms", of(call, p99)}}},
	{"Idle", cpu, "*", true, []column{{"% of a core", cpu}, {"peak MiB", memory}}},
}

func (t table) write(w io.Writer, rows []row) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
		_, ok := r.median(t.main)
		return !ok || !matches(t.cases, r.name)
	})
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## %s\n\n| case | peer |", t.title)
	for i, c := range t.columns {
		fmt.Fprintf(w, " %s |", c.title)
		if i == 0 {
			fmt.Fprint(w, " × best |")
		}
	}
	fmt.Fprintf(w, "\n|---|---|%s\n", strings.Repeat("---:|", len(t.columns)+1))
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s |", r.name, title(r.peer))
		for i, c := range t.columns {
			fmt.Fprintf(w, " %s |", r.spread(c.value))
			if i == 0 {
				fmt.Fprintf(w, " %s |", ratio(r, rows, t.main, t.lower))
			}
		}
		fmt.Fprint(w, "\n")
	}
}

// ratio compares a row with the best peer of its case.
func ratio(r row, rows []row, main figure, lower bool) string {
	best, found := 0.0, false
	for _, o := range rows {
		if o.name != r.name || o.peer.Ours || o.peer.Relaxed {
			continue
		}
		if v, ok := o.median(main); ok && (!found || (v < best) == lower) {
			best, found = v, true
		}
	}
	v, _ := r.median(main)
	if best == 0 {
		return ""
	}
	return strconv.FormatFloat(v/best, 'f', 2, 64)
}

// writeVariants compares cases with their variants.
func writeVariants(w io.Writer, rows []row, prefix, heading string) {
	first := true
	for _, deep := range rows {
		name, ok := strings.CutPrefix(deep.name, prefix)
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name && r.peer.Name == deep.peer.Name })
		if !ok || i < 0 {
			continue
		}
		if first {
			fmt.Fprintf(w, "\n## %s\n\n| case | peer | without, a second | with, a second | with ÷ without | without p50 ms | with p50 ms | with peak MiB |\n|---|---|---:|---:|---:|---:|---:|---:|\n", heading)
			first = false
		}
		empty := rows[i]
		before, _ := empty.median(rate)
		after, _ := deep.median(rate)
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.2f | %s | %s | %s |\n", name, title(deep.peer), empty.spread(rate), deep.spread(rate),
			after/before, empty.spread(of(call, p50)), deep.spread(of(call, p50)), deep.spread(memory))
	}
}

func (r row) values(f figure) []float64 {
	var values []float64
	for _, result := range r.reps {
		if v, ok := f(result); ok {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// median is the middle of the repetitions, or the mean of the two middle ones.
func (r row) median(f figure) (float64, bool) {
	v := r.values(f)
	if len(v) == 0 {
		return 0, false
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2, true
}

// spread shows the median and, of several repetitions that differ, the smallest and the largest.
func (r row) spread(f figure) string {
	m, ok := r.median(f)
	if !ok {
		return ""
	}
	v := r.values(f)
	middle, least, most := number(m), number(v[0]), number(v[len(v)-1])
	if least == most {
		return middle
	}
	return fmt.Sprintf("%s (%s–%s)", middle, least, most)
}

// number writes about three digits, or all those before the point, in groups of three.
func number(v float64) string {
	decimals := 0
	switch a := max(v, -v); {
	case a < 0.1 && v != 0:
		decimals = 3
	case a < 10 && v != float64(int(v)):
		decimals = 2
	case a < 100 && v != float64(int(v)):
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + strings.TrimSuffix("."+fraction, ".")
}
