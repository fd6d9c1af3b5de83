package schedule

import (
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// PageBytes counts the bodies of a page of schedules against its bytes.
type PageBytes struct{ *storage.PageBytes }

// Schedule counts a schedule, or where nothing is left takes its payload, metadata and headers away.
func (b *PageBytes) Schedule(s *Schedule) {
	m, o := &s.Message, &s.Options
	if b.Left() > 0 {
		b.Bytes(len(m.Payload) + storage.JSONSize(m.Metadata) + storage.JSONSize(o.Metadata) + storage.JSONSize(o.Headers))
		return
	}
	s.Omitted = &symphony.Omitted{Payload: len(m.Payload), Metadata: storage.JSONSize(m.Metadata) + storage.JSONSize(o.Metadata), Headers: storage.JSONSize(o.Headers)}
	m.Payload, m.Metadata, o.Metadata, o.Headers = nil, nil, nil, nil
}
