package transporttest

import (
	"fmt"
	"math/rand/v2"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// carryOne has a message of a model carry something that few do.
func carryOne(rnd *rand.Rand, o *symphony.DispatchOptions, step int) {
	switch rnd.IntN(10) {
	case 0:
		o.Tags = []string{"blue"}
	case 1:
		o.Tags = []string{"blue", "red"}
	case 2:
		o.CorrelationID = "story"
	case 3:
		o.CorrelationID, o.CausationID = "story", "cause"
	case 4:
		o.IdempotencyKey = fmt.Sprint("once", step)
	case 5, 6:
		o.Metadata = metadataOf(rnd)
	}
}

// Indexes are those with which the transports under test are opened, where they have any.
func Indexes() []storage.Index {
	return []storage.Index{{Type: "Shop.*", Path: "customer.id"}, {Type: "Shop.Order", Path: "to"},
		{Type: "Job", Path: "customer.id"}}
}

// metadataOf is metadata by which messages of some types are looked up.
func metadataOf(rnd *rand.Rand) map[string]any {
	return map[string]any{"customer": map[string]any{"id": fmt.Sprint(rnd.IntN(3))}}
}

// carried is what a message then carries.
func carried(o *symphony.DispatchOptions) symphony.Envelope {
	return symphony.Envelope{Metadata: o.Metadata, IdempotencyKey: o.IdempotencyKey, CorrelationID: o.CorrelationID,
		CausationID: o.CausationID, Terms: &symphony.Terms{Tags: o.Tags},
		Flow: &symphony.Flow{GroupKey: o.GroupKey, ConcurrencyKey: o.ConcurrencyKey}}
}

// retag gives a waiting message of a model other tags, and sometimes other metadata.
func (s *suite) retag(rnd *rand.Rand, m *symphony.MessageInfo) error {
	tags := [][]string{nil, {"red"}, {"blue"}, {"red", "blue"}}[rnd.IntN(4)]
	m.Terms = &symphony.Terms{Tags: tags}
	anew := rnd.IntN(2) == 0
	if anew {
		m.Metadata = metadataOf(rnd)
	}
	return s.messages().EditMessage(ctx, m.ID, func(e *symphony.Envelope) error {
		terms := symphony.Terms{}
		if e.Terms != nil {
			terms = *e.Terms
		}
		terms.Tags, e.Terms = tags, &terms
		if anew {
			e.Metadata = m.Metadata
		}
		return nil
	})
}

// askFor asks for what few of some messages carry, or for nothing of it.
func askFor(rnd *rand.Rand, f *symphony.MessageFilter, made []symphony.MessageInfo) {
	switch rnd.IntN(18) {
	case 0:
		f.Tags = []string{"blue"}
	case 1:
		f.Tags = []string{"red", "blue"}
	case 2:
		f.CorrelationID = "story"
	case 3:
		f.CorrelationID, f.Tags = "story", []string{"red"}
	case 4:
		f.CausationID = "cause"
	case 5:
		f.GroupKey = "g"
	case 6:
		f.ConcurrencyKey = "k"
	case 9, 10:
		f.Type, f.Metadata = []string{"", "Job", "Two"}[rnd.IntN(3)], map[string]string{"customer.id": "1"}
	case 7, 8:
		if len(made) > 0 {
			m := &made[rnd.IntN(len(made))]
			f.CorrelationID, f.IdempotencyKey = m.Correlation(), m.IdempotencyKey
		}
	}
}
