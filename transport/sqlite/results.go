package sqlite

import (
	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// keepOutput stores what a completed message has left, if anything.
func (w *writer) keepOutput(seq int64, st *symphony.Settlement) error {
	if len(st.Output) == 0 && st.OutputError == "" {
		return nil
	}
	var output, reason any
	if len(st.Output) > 0 {
		output = []byte(st.Output)
	}
	if st.OutputError != "" {
		reason = st.OutputError
	}
	return w.exec("INSERT OR REPLACE INTO messenger_outputs (seq, output, error) VALUES (?, ?, ?)", seq, output, reason)
}

// dropOutputs deletes the outputs of messages from one seq to another that are not kept any more.
func (w *writer) dropOutputs(from, to int64) error {
	return w.exec(`DELETE FROM messenger_outputs WHERE seq BETWEEN ? AND ?
		AND NOT EXISTS (SELECT 1 FROM messenger_completed c WHERE c.seq = messenger_outputs.seq)`, from, to)
}

// outputColumns are those of messenger_outputs.
var outputColumns = columns[symphony.MessageInfo]{
	{"output", func(m *symphony.MessageInfo, v cell) { m.Output = v.bytes() }},
	{"error", func(m *symphony.MessageInfo, v cell) { m.OutputError = v.text() }},
}

// output reads what a completed message has left, or its size where the message comes without its body.
func (v *view) output(m *symphony.MessageInfo, seq int64) error {
	if m.Omitted != nil {
		return v.query("SELECT coalesce(octet_length(output), 0), error FROM messenger_outputs WHERE seq=?",
			func(s *sqlite.Stmt) bool {
				m.Omitted.Output, m.OutputError = s.ColumnInt(0), s.ColumnText(1)
				return false
			}, seq)
	}
	return v.query("SELECT "+outputColumns.String()+" FROM messenger_outputs WHERE seq=?", func(s *sqlite.Stmt) bool {
		outputColumns.read(m, s, 0)
		return false
	}, seq)
}
