package flow

import (
	"fmt"

	"github.com/symphony-messenger/symphony"
)

// PurgeFilter says which waiting messages to delete: all of the transport where its fields are empty.
type PurgeFilter struct {
	Queue string
	Type  string // exact
}

// Validate reports every problem of a filter. Storages call it first.
func (f PurgeFilter) Validate() error {
	var p problems
	p.queue(f.Queue)
	if !symphony.ValidText(f.Type) {
		p.add("type", "must be valid UTF-8 without NUL")
	}
	return p.err()
}

// problems are what is wrong with a call.
type problems []symphony.Problem

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// queue adds the problem of a queue's name, if it has one. No name is none.
func (p *problems) queue(name string) {
	if name == "" {
		return
	}
	if err := symphony.ValidateName(name); err != nil {
		p.add("queue", "%v", err)
	}
}

// err is a *symphony.ValidationError, or nil without problems.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &symphony.ValidationError{Problems: p}
}
