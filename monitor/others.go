package monitor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// maxOthers bounds how many messages in hand of a transport Others looks at.
const maxOthers = 5 * symphony.MaxMessagePage

// Other is what somebody has in hand who is no continuous worker of a node that is alive: a pull worker, a run of
// consume or cron, or a worker that died.
type Other struct {
	Transport, Worker string
	Messages          int
	Oldest            symphony.MessageInfo
	LeasedUntil       time.Time // when the first of the leases ends
}

// Others lists who else has messages, the one whose oldest has been out for the longest first. more says that there are
// more messages in hand than were looked at. Transports that do not show their messages are left out.
func (m *Monitor) Others(ctx context.Context, nodes []Node) (list []Other, more bool, err error) {
	known := make(map[[2]string]bool)
	for _, n := range nodes {
		for _, w := range n.Workers {
			known[[2]string{w.Transport, w.Name}] = true
		}
	}
	for _, name := range m.o.Bus.Names() {
		messages, err := m.o.Bus.Messages(name)
		if errors.Is(err, symphony.ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		by := make(map[string]*Other)
		q := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Processing}, Oldest: true, Limit: symphony.MaxMessagePage}
		for seen := 0; ; {
			page, err := messages.List(ctx, q)
			if err != nil {
				return nil, false, err
			}
			for _, info := range page.Messages {
				if !known[[2]string{name, info.Worker}] {
					count(by, name, info)
				}
			}
			seen += len(page.Messages)
			if q.After = page.Next; q.After == "" {
				break
			}
			if seen >= maxOthers {
				more = true
				break
			}
		}
		for _, o := range by {
			list = append(list, *o)
		}
	}
	slices.SortFunc(list, func(a, b Other) int {
		return cmp.Or(a.Oldest.StartedAt.Compare(b.Oldest.StartedAt), strings.Compare(a.Transport, b.Transport), strings.Compare(a.Worker, b.Worker))
	})
	return list, more, nil
}

func count(by map[string]*Other, transport string, info symphony.MessageInfo) {
	info.Payload, info.Metadata, info.Headers = nil, nil, nil // nobody asked for them
	o := by[info.Worker]
	if o == nil {
		o = &Other{Transport: transport, Worker: info.Worker, Oldest: info, LeasedUntil: info.LeasedUntil}
		by[info.Worker] = o
	}
	o.Messages++
	if info.StartedAt.Before(o.Oldest.StartedAt) {
		o.Oldest = info
	}
	if info.LeasedUntil.Before(o.LeasedUntil) {
		o.LeasedUntil = info.LeasedUntil
	}
}
