package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	gojson "github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) eventsCommand() *cobra.Command {
	var (
		q     client.EventQuery
		after int64
		count int
	)
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Watch what happens",
		Long: `Print what happens as it happens, at all nodes, until Ctrl-C: messages that fail, workers
that start and stop, what is paused, alerts, and what people do. A connection that is lost
is made anew, and goes on where it was.

With --id, --queue, --type or --tag it prints each event of those messages, and nothing
else: message.` + singleTypes() + `.

The types of events are: ` + strings.Join(event.Types(), ", ") + `.`,
		Example: `  symphony events
  symphony events --types 'message.failed,alert.*'
  symphony events --type 'order.*' --types message.failed,message.completed
  symphony events --after 0 --json | jq .type`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("after") {
				if after < 0 {
					return usageError{errors.New("--after must be the number of an event, or 0 for the oldest there is")}
				}
				q.After = &after
				if q.OfMessages() {
					return usageError{errors.New("--after cannot be combined with --id, --queue, --type and --tag: " +
						"events of single messages have no numbers, and begin with what happens from now on")}
				}
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			// Nothing happens in a file that nobody else has open, and to wait for it would keep others out.
			idle := r.alone && !r.config.Database.PostgreSQL()
			if idle && q.After == nil {
				return usageError{errors.New("no process works on this database, so nothing happens; --after 0 shows what is kept of what did")}
			}
			if idle && len(q.Types) > 0 {
				q.Types = append(q.Types, event.Stats)
			}
			q.Lost = func(err error, pause time.Duration) {
				if cmd.Context().Err() == nil {
					fmt.Fprintf(a.err, "%s; connecting again in %s\n", printable(err.Error()), pause)
				}
			}
			seen := 0
			err = r.Events(cmd.Context(), q, func(e wire.Event) error {
				if e.Type == event.Connected {
					if q.OfMessages() {
						a.note("Connected.")
					} else {
						a.note("Connected; events continue behind number %s.", strconv.FormatInt(placeOf(e), 10))
					}
					return nil
				}
				if idle && e.Type == event.Stats {
					return errEnough // counts come to those who have seen all else
				}
				if err := a.showEvent(e); err != nil {
					return err
				}
				if seen++; seen == count {
					return errEnough
				}
				return nil
			})
			if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}),
	}
	cmd.Flags().StringSliceVar(&q.Types, "types", nil, "only these `TYPES`, or patterns like 'message.*', separated by commas")
	cmd.Flags().StringSliceVar(&q.IDs, "id", nil, "each event of the message with this `ID`; may be repeated")
	cmd.Flags().StringVarP(&q.Queue, "queue", "q", "", "each event of the messages of this `QUEUE`")
	cmd.Flags().StringVar(&q.MessageType, "type", "", "each event of the messages of this `TYPE`, or pattern like 'order.*'")
	cmd.Flags().StringSliceVar(&q.Tags, "tag", nil, "each event of the messages with this `TAG`; repeated: with all of them")
	cmd.Flags().StringVarP(&q.Transport, "transport", "t", "", "with one of these: only of this transport")
	cmd.Flags().Int64Var(&after, "after", 0, "begin behind the event with this `NUMBER`; 0: with the oldest that is kept (default: what happens from now on)")
	cmd.Flags().IntVar(&count, "count", 0, "end after so many events (default: at Ctrl-C)")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// singleTypes are the types of events of single messages, for people.
func singleTypes() string {
	return strings.ReplaceAll(strings.Join(event.MessageTypes(), ", "), "message.", "")
}

var errEnough = errors.New("enough")

// placeOf is the number behind which a connection continues.
func placeOf(e wire.Event) int64 {
	var data struct {
		After int64 `json:"after"`
	}
	_ = json.Unmarshal(e.Data, &data)
	return data.After
}

// showEvent prints an event: in a line for people, or as a JSON value in a line.
func (a *app) showEvent(e wire.Event) error {
	if a.json {
		line, err := gojson.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(plain(a.out), "%s\n", line)
		return err
	}
	s := a.style(a.out)
	name := fmt.Sprintf("%-17s", e.Type)
	switch e.Type {
	case event.MessageFailed, event.AlertFiring, event.ScheduleFailed, event.Dropped, event.Reset:
		name = s.red(name)
	case event.AlertResolved, event.WorkerStarted, event.NodeStarted:
		name = s.green(name)
	}
	_, err := fmt.Fprintf(a.out, "%s  %s  %s\n", s.dim(shortTime(e.At)), name, printable(members(e.Data)))
	return err
}

// members writes the members of objects in a line, those of objects in them as well.
func members(objects ...[]byte) string {
	var parts []string
	for _, raw := range objects {
		var m map[string]any
		if len(raw) > 0 && json.Unmarshal(raw, &m) == nil {
			parts = appendMembers(parts, "", m)
		}
	}
	return strings.Join(parts, " ")
}

func appendMembers(parts []string, prefix string, m map[string]any) []string {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch v := m[name].(type) {
		case map[string]any:
			if len(v) == 0 {
				parts = append(parts, prefix+name+"={}")
			}
			parts = appendMembers(parts, prefix+name+".", v)
		case string:
			if v != "" {
				parts = append(parts, prefix+name+"="+strings.Join(strings.Fields(v), " "))
			}
		default:
			if text, err := json.Marshal(v); err == nil {
				parts = append(parts, prefix+name+"="+string(text))
			}
		}
	}
	return parts
}
