package schedule

import (
	"encoding/json"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Count counts a schedule against the bytes of its page. Where none are left it takes payload, metadata and headers
// away.
func (s *Schedule) Count(page *storage.PageBytes) {
	m, o := &s.Message, &s.Options
	size := symphony.Omitted{Payload: len(m.Payload), Metadata: jsonSize(m.Metadata) + jsonSize(o.Metadata), Headers: jsonSize(o.Headers)}
	if page.Left() > 0 {
		page.Bytes(size.Payload + size.Metadata + size.Headers)
		return
	}
	s.Omitted = &size
	m.Payload, m.Metadata, o.Metadata, o.Headers = nil, nil, nil, nil
}

// jsonSize is the size of an object as it is stored, 0 where there is none.
func jsonSize(m map[string]any) int {
	if len(m) == 0 {
		return 0
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return 0
	}
	return len(raw)
}
