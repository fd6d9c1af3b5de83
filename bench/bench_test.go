package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want []string // in the error, none for no error
	}{
		{"defaults are valid", nil, nil},
		{"every problem is named", []string{"-reps", "0", "-secs", "61", "-n", "0", "-depth", "0"}, []string{"-reps", "-secs", "-n", "-depth"}},
		{"a pattern that cannot match", []string{"-cases", "drain[", "-peers", "goqite"}, []string{`"drain["`}},
		{"a left-over argument", []string{"goqite"}, []string{`"goqite"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args)
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("got error %v, want one: %t", err, tt.want != nil)
			}
			for _, s := range tt.want {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not name %s", err, s)
				}
			}
		})
	}
}

func TestPeersHaveDistinctCases(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range peers() {
		for _, c := range p.Cases {
			key := p.Name + " " + c.Name
			if seen[key] {
				t.Errorf("%s is there twice", key)
			}
			seen[key] = true
			if _, err := findCase(p.Name, c.Name); err != nil {
				t.Error(err)
			}
		}
	}
	if !seen["goqite enqueue16"] {
		t.Error("goqite has no enqueue16")
	}
}

// fakePeers have the named cases, without anything to measure.
func fakePeers() []Peer {
	cases := func(names ...string) (cs []Case) {
		for _, n := range names {
			cs = append(cs, Case{Name: n})
		}
		return cs
	}
	return []Peer{
		{Name: "ours", Ours: true, Settings: "s1", Cases: cases("enqueue1", "latency", "deep-enqueue1")},
		{Name: "slow", Settings: "s2", Cases: cases("enqueue1", "latency")},
		{Name: "fast", Settings: "s3", Cases: cases("enqueue1")},
		{Name: "rash", Relaxed: true, Settings: "s4", Cases: cases("enqueue1")},
	}
}

func TestSchedule(t *testing.T) {
	var got []string
	for _, turn := range schedule(choose(fakePeers(), "ours,slow", "*"), 2) {
		got = append(got, turn.peer.Name+" "+turn.c.Name)
	}
	want := []string{ // peers take turns, and a deep case stands beside its empty one
		"ours enqueue1", "ours deep-enqueue1", "slow enqueue1", "ours enqueue1", "ours deep-enqueue1", "slow enqueue1",
		"ours latency", "slow latency", "ours latency", "slow latency",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReport(t *testing.T) {
	results := []Result{
		{Peer: "ours", Case: "enqueue1", Rep: 1, N: 10, Rate: 30_000, RSS: 20},
		{Peer: "ours", Case: "enqueue1", Rep: 2, N: 10, Rate: 10_000, RSS: 20},
		{Peer: "ours", Case: "enqueue1", Rep: 3, N: 10, Rate: 20_000, RSS: 20},
		{Peer: "ours", Case: "deep-enqueue1", Rep: 1, N: 10, Rate: 19_000, RSS: 21.25},
		{Peer: "slow", Case: "enqueue1", Rep: 1, N: 10, Rate: 500, Errors: 2},
		{Peer: "fast", Case: "enqueue1", Rep: 1, N: 10, Rate: 4000},
		{Peer: "rash", Case: "enqueue1", Rep: 1, N: 10, Rate: 80_000},
		{Peer: "ours", Case: "latency", Rep: 1, EndToEnd: &Quantiles{P50: 0.5, P99: 1}, Pickup: &Quantiles{P50: -0.25, P99: 0.5}},
		{Peer: "slow", Case: "latency", Rep: 1, EndToEnd: &Quantiles{P50: 2, P99: 4}, Pickup: &Quantiles{P50: 1, P99: 3}},
	}
	var b strings.Builder
	if err := report(&b, "A machine.\n", fakePeers(), results); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"- **rash°**: s4.",
		"| enqueue1 | ours | 20,000 (10,000–30,000) | 5.00 | 10 |  | 20 |",
		"| enqueue1 | slow | 500 | 0.12 | 10 | 2 |  |",
		"| enqueue1 | fast | 4,000 | 1.00 | 10 |  |  |",
		"| enqueue1 | rash° | 80,000 | 20.00 | 10 |  |  |",
		"| latency | ours | 0.50 | 0.25 | 1 | -0.25 | 0.50 |  |  |",
		"| latency | slow | 2 | 1.00 | 4 | 1 | 3 |  |  |",
		"| enqueue1 | ours | 20,000 (10,000–30,000) | 19,000 | 0.95 |  |  | 21.2 |",
	} {
		if !strings.Contains(b.String(), line+"\n") {
			t.Errorf("the report lacks %q", line)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0041: "0.004", 1.256: "1.26", 12.34: "12.3", 123.6: "124", 999: "999", 1000: "1,000", 1234567.8: "1,234,568", -0.5: "-0.50", -4321: "-4,321",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, tt := range []struct {
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{hundred[:1], 0.5, 1}, {hundred[:3], 0.5, 2}, {hundred[:3], 0.99, 3},
	} {
		if got := quantile(tt.values, tt.p); got != tt.want {
			t.Errorf("quantile %v of %d values: got %d, want %d", tt.p, len(tt.values), got, tt.want)
		}
	}
}

func TestParseWrk(t *testing.T) {
	const noise = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 1 connections\n"
	for _, tt := range []struct {
		name, line string
		want       int
		err        string
	}{
		{"all created", `{"requests":7,"micros":1000,"unexpected":0,"socket":0,"p50":1,"p99":2,"max":3}`, 7, ""},
		{"an answer of another status", `{"requests":7,"unexpected":1}`, 0, "1 of 7 answers were not 201"},
		{"a broken connection", `{"requests":7,"socket":2}`, 0, "2 connections failed"},
		{"no answer", `{"requests":0}`, 0, "no request was answered"},
		{"no line of the script", "", 0, "no request was answered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseWrk([]byte(noise + tt.line + "\n"))
			if tt.err == "" {
				if err != nil || got.Requests != tt.want {
					t.Errorf("got %+v, %v, want %d requests", got, err, tt.want)
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestProcessFigures(t *testing.T) {
	cpu, err := parseCPUTime([]byte("7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 5 0 1 1 1\n"))
	if want := 1750 * time.Millisecond; err != nil || cpu != want {
		t.Errorf("processor time: got %v, %v, want %v", cpu, err, want)
	}
	rss, err := parsePeakRSS([]byte("Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t 1 kB\n"))
	if err != nil || rss != 20 {
		t.Errorf("peak memory: got %v MiB, %v, want 20", rss, err)
	}
	if _, err := parseCPUTime([]byte("7 (x) S 1")); err == nil {
		t.Error("statistics cut short are taken")
	}
	if _, err := parsePeakRSS([]byte("Name:\tx\n")); err == nil {
		t.Error("a status without peak memory is taken")
	}
}
