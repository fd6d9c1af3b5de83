package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
)

// Retention is how long messages are kept that have ended, by outcome. Nil: as what is less specific says.
type Retention struct {
	// How long completed messages are kept, `forever` for until they are deleted.
	Completed *time.Duration `key:"completed"`
	// How long failed messages are kept in the dead letter queue.
	Failed *time.Duration `key:"failed"`
	// How long cancelled messages are kept.
	Cancelled *time.Duration `key:"cancelled"`
}

// RetentionRules say how long messages are kept.
func (c *Config) RetentionRules() *retention.Rules {
	rules, err := retention.New(c.retentionOptions())
	if err != nil {
		panic("config: " + err.Error()) // Load has checked it
	}
	return rules
}

func (c *Config) retentionOptions() retention.Options {
	o := retention.Options{Default: retention.Periods(c.Retention), Types: make(map[string]retention.Periods),
		Queues: make(map[string]retention.Periods), Transports: make(map[string]retention.Periods)}
	for _, p := range []**time.Duration{&o.Default.Completed, &o.Default.Cancelled} {
		if *p == nil {
			*p = &c.Database.Retention
		}
	}
	for _, t := range c.Types {
		o.Types[t.Pattern] = retention.Periods(t.Retention)
	}
	for _, q := range c.Queues {
		o.Queues[q.Name] = retention.Periods(q.Retention)
	}
	for _, t := range c.Transports {
		o.Transports[t.Name] = retention.Periods(t.Retention)
	}
	return o
}

// finishRetention checks what no single period can tell.
func (l *loader) finishRetention() {
	if len(l.problems) > 0 {
		return
	}
	if _, err := retention.New(l.config.retentionOptions()); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			l.problem(place{level: byFile, source: l.config.File}, "", "%s", line)
		}
	}
}

// forever is the word for a period without an end.
const forever = "forever"

// period is a duration, or forever, that makes a difference between 0s and not set.
type period struct{ p **time.Duration }

func (v period) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	d := retention.Forever
	if in.text != forever {
		var err error
		if d, err = time.ParseDuration(in.text); err != nil || d < 0 || d > symphony.MaxRetention {
			return fmt.Errorf("must be %s, is %q", v.describe(), in.text)
		}
	}
	*v.p = &d
	return nil
}

func (v period) show() any {
	switch {
	case *v.p == nil:
		return nil
	case **v.p == retention.Forever:
		return forever
	}
	return formatDuration(**v.p)
}

func (v period) describe() string {
	return fmt.Sprintf(`a duration like "72h" from 0s to %s, or %s`, formatDuration(symphony.MaxRetention), forever)
}
func (v period) mayBeEmpty() bool { return false }
