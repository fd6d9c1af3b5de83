// Command bench measures Symphony Messenger beside its peers on one machine: durable dispatch, batches, drains, pickup
// latency, depth, idling, and HTTP. README.md says what each case measures and with which settings.
//
// Every measurement is made by a process of its own on a fresh copy of its database, and the peers take turns, so that
// memory figures belong to one peer and case and a drift of the machine meets all alike.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// config is what the flags say.
type config struct {
	peers, cases string
	reps         int
	secs         time.Duration
	n            int
	depth        int
	json, out    string
	profile      string
	symphony     string
	postgres     string
	plot         string
	list         bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case os.Getenv(echoVariable) != "":
		err = serveEcho(ctx)
	case os.Getenv(jobVariable) != "":
		err = runJob(ctx, os.Getenv(jobVariable))
	default:
		err = run(ctx, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (config, error) {
	var c config
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&c.peers, "peers", "*", "comma-separated patterns of peers")
	f.StringVar(&c.cases, "cases", "*", "comma-separated patterns of cases, such as enqueue*,http-c16")
	f.IntVar(&c.reps, "reps", 3, "repetitions of each case, 1 to 100")
	secs := f.Float64("secs", 4, "length of a timed case in seconds, 0.1 to 60")
	f.IntVar(&c.n, "n", 200_000, "messages of a drain, 1 to 10,000,000; slow peers get fewer (see README.md)")
	f.IntVar(&c.depth, "depth", 1_000_000, "messages waiting, and as many scheduled, in the deep cases, 1 to 10,000,000")
	f.StringVar(&c.json, "json", "", "append the results to this file, one JSON object a line")
	f.StringVar(&c.out, "out", "", "write the Markdown report to this file instead of standard output")
	f.StringVar(&c.profile, "profile", "", "write a CPU profile of each of our cases into this folder")
	f.StringVar(&c.symphony, "symphony", "", "binary for the HTTP cases; built from .. when empty")
	f.StringVar(&c.postgres, "postgres", "", "URL of the PostgreSQL server for the peers on PostgreSQL, whose user may create databases; a private one with stock settings is started when empty")
	f.StringVar(&c.plot, "plot", "", "draw throughput against queue depth (cases depth-*) into this SVG file")
	f.BoolVar(&c.list, "list", false, "list peers and cases and stop")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	c.secs = time.Duration(*secs * float64(time.Second))
	var errs []error
	within := func(name string, v, from, to float64) {
		if v < from || v > to {
			errs = append(errs, fmt.Errorf("-%s must be %v to %v, is %v", name, from, to, v))
		}
	}
	within("reps", float64(c.reps), 1, 100)
	within("secs", *secs, 0.1, 60)
	within("n", float64(c.n), 1, 10_000_000)
	within("depth", float64(c.depth), 1, 10_000_000)
	if f.NArg() > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q", f.Arg(0)))
	}
	for _, patterns := range []string{c.peers, c.cases} {
		for p := range strings.SplitSeq(patterns, ",") {
			if _, err := path.Match(p, ""); err != nil {
				errs = append(errs, fmt.Errorf("pattern %q: %w", p, err))
			}
		}
	}
	return c, errors.Join(errs...)
}

func run(ctx context.Context, args []string) (err error) {
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	chosen := choose(peers(), c.peers, c.cases)
	if len(chosen) == 0 {
		return fmt.Errorf("no case matches -peers %s -cases %s; -list shows all", c.peers, c.cases)
	}
	if c.list {
		for _, p := range chosen {
			for _, cs := range p.Cases {
				fmt.Println(p.Name, cs.Name)
			}
		}
		return nil
	}
	scratch, err := os.MkdirTemp("", "symphony-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	r, err := newRunner(ctx, c, scratch, chosen)
	if err != nil {
		return err
	}
	defer r.close()
	machine, err := describeMachine(scratch)
	if err != nil {
		return err
	}
	results, err := r.run(ctx, chosen)
	if len(results) == 0 {
		return err
	}
	out := io.Writer(os.Stdout)
	if c.out != "" {
		f, ferr := os.Create(c.out)
		if ferr != nil {
			return errors.Join(err, ferr)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	err = errors.Join(err, report(out, machine, chosen, results))
	if c.plot != "" {
		err = errors.Join(err, plotDepth(c.plot, chosen, results))
	}
	return err
}

// choose keeps the peers and cases that match the patterns.
func choose(all []Peer, peerPatterns, casePatterns string) []Peer {
	var chosen []Peer
	for _, p := range all {
		p.Cases = slices.DeleteFunc(slices.Clone(p.Cases), func(c Case) bool { return c.Hidden && c.Name != casePatterns || !matches(casePatterns, c.Name) })
		if matches(peerPatterns, p.Name) && len(p.Cases) > 0 {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

func matches(patterns, name string) bool {
	for p := range strings.SplitSeq(patterns, ",") {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}
